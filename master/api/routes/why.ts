import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ApiWhy, ApiWhyInstance } from '../../../protocol/wire/api.ts'
import { experimentCost, instanceCosts } from '../../store/queries/cost.ts'
import { listEvents } from '../../store/queries/events.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { listLaunches, listStarting } from '../../store/queries/herd.ts'
import { countInstances } from '../../store/queries/pools.ts'
import { listTrials } from '../../store/queries/trials.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { IdParams } from '../page.ts'
import { launchShape, stateReason } from '../shapes/instance.ts'
import { poolState } from '../shapes/pool-state.ts'
import { runState } from '../shapes/states.ts'
import { whyInstance } from '../shapes/why-instance.ts'
import { isWaiting, startingShape, whySummary, whyTrial } from '../shapes/why.ts'
import { herdView, instanceOr404 } from './herd.ts'

const InstanceParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
const EVENTS_SHOWN = 20
const TRIALS_SHOWN = 100
const LAUNCHES_SHOWN = 10

/** Why something is as it is, what it has cost so far, and what a person can do. */
export function whyRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, settings } = deps

  app.get<{ Params: { id: number } }>('/api/v1/drover/why/experiments/:id', { config: { container: 'experiment' }, schema: { params: IdParams } }, async (request): Promise<ApiWhy> => {
    const { id } = request.params
    const row = await findExperiment(db, id)
    if (!row) throw notFound('experiment', id)
    const waits = isWaiting(row)
    const [{ trials }, events, cost, { launches }, starting, view] = await Promise.all([
      listTrials(db, { experimentId: id, sort: 'ID', descending: true, limit: TRIALS_SHOWN, offset: 0 }),
      listEvents(db, { experimentId: id, descending: true, limit: EVENTS_SHOWN }),
      experimentCost(db, id), listLaunches(db, { experimentId: id, limit: LAUNCHES_SHOWN, offset: 0 }), waits ? listStarting(db, id) : [], waits ? herdView(deps) : null,
    ])
    // a pool that master.yaml no longer names has a state all the same
    const pool = view === null ? null : poolState(settings.pools.find((known) => known.name === row.resource_pool) ?? { name: row.resource_pool, description: '', provider: null }, view)
    return {
      experimentId: id, state: runState(row.state, row.allocation_state), stateReason: row.state_reason,
      summary: whySummary(row, trials, { note: pool?.note ?? '', starting, newest: events[0]?.text }),
      trials: trials.map(whyTrial),
      pool: pool === null ? null : { name: pool.name, note: pool.note, paused: pool.paused?.reason ?? null, dry: pool.dry },
      starting: starting.map(startingShape), launches: launches.map(launchShape), cost, cure: pool?.cure ?? '', events,
    }
  })

  app.get<{ Params: { id: string } }>('/api/v1/drover/why/instances/:id', { schema: { params: InstanceParams } }, async (request): Promise<ApiWhyInstance> => {
    const row = await instanceOr404(deps, request.params.id)
    const [costs, { launches: [launch] }, counts, events] = await Promise.all([
      instanceCosts(db, [row.id]), listLaunches(db, { id: row.launch_id, limit: 1, offset: 0 }), countInstances(db), listEvents(db, { instanceId: row.id, descending: true, limit: EVENTS_SHOWN }),
    ])
    const cost = costs(row.id)
    const policy = settings.pools.find((pool) => pool.name === row.pool)?.provider?.policy ?? null
    const answer = whyInstance(row, { reason: launch?.reason ?? '', policy, counts: counts.filter((each) => each.pool === row.pool), cost })
    return { instanceId: row.id, state: row.state, stateReason: stateReason(row), ...answer, cost, events }
  })
}
