import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ApiAlarms, ApiInstanceDetails, ApiInstances, ApiLaunches, ApiPool, ApiPools } from '../../../protocol/wire/api.ts'
import { INSTANCE_STATES } from '../../../protocol/words/instances.ts'
import { instanceCosts } from '../../store/queries/cost.ts'
import { listEvents } from '../../store/queries/events.ts'
import { findInstance, listAlarms, listInstances, listLaunches, type InstanceRow } from '../../store/queries/herd.ts'
import { countAgents, countInstances, listDryMarks, listPoolRows, listWaiting } from '../../store/queries/pools.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, pageOf, PageQuery, paginationOf } from '../page.ts'
import { alarmCure } from '../shapes/cure.ts'
import { instanceShape, launchShape } from '../shapes/instance.ts'
import { poolState, type HerdView } from '../shapes/pool-state.ts'
import { answerTo } from './experiments.ts'

const Name = Type.String({ minLength: 1, maxLength: 64 })
const States = Type.Array(Type.String({ maxLength: 32 }), { maxItems: 16 })
const LAUNCH_STATES = ['LAUNCHING', 'DONE', 'FAILED'] as const
const InstanceParams = Type.Object({ id: Name })
const PoolParams = Type.Object({ name: Name })
const { limit, offset } = PageQuery
const InstancesQuery = Type.Object({ limit, offset, pool: Type.Optional(Name), state: Type.Optional(States), includeGone: Type.Optional(Type.Boolean()) })
const LaunchesQuery = Type.Object({ limit, offset, pool: Type.Optional(Name), state: Type.Optional(States), experimentId: Type.Optional(Id) })
const EVENTS_SHOWN = 50
/** More open launches than a cluster ever has. */
const LAUNCHES_MAX = 1000

/** Drover's own: instances, pools, launches and alarms; what EC2 does for us, what it costs, what a person can do. */
export function herdRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, commands, settings } = deps

  app.get<{ Querystring: Type.Static<typeof InstancesQuery> }>('/api/v1/drover/instances', { schema: { querystring: InstancesQuery } }, async (request): Promise<ApiInstances> => {
    const { query } = request
    const page = pageOf(query)
    const { instances, total } = await listInstances(db, { ...page, pool: query.pool, states: statesOf(query.state, INSTANCE_STATES), includeGone: query.includeGone ?? false })
    const costs = await instanceCosts(db, instances.map((row) => row.id))
    return { instances: instances.map((row) => instanceShape(row, costs(row.id))), pagination: paginationOf(page, instances.length, total) }
  })

  app.get<{ Params: { id: string } }>('/api/v1/drover/instances/:id', { schema: { params: InstanceParams } }, async (request): Promise<ApiInstanceDetails> => {
    const row = await instanceOr404(deps, request.params.id)
    const [costs, { launches: [launch] }, events] = await Promise.all([
      instanceCosts(db, [row.id]), listLaunches(db, { id: row.launch_id, limit: 1, offset: 0 }), listEvents(db, { instanceId: row.id, descending: true, limit: EVENTS_SHOWN }),
    ])
    if (!launch) throw notFound('launch', row.launch_id)
    return { instance: instanceShape(row, costs(row.id)), launch: launchShape(launch), console: row.console, events }
  })

  app.post<{ Params: { id: string } }>('/api/v1/drover/instances/:id/retire', { config: { access: 'admin' }, schema: { params: InstanceParams } }, async (request) => {
    answerTo(await commands.retireInstance(request.params.id, userOf(request).username), 'instance', request.params.id)
    return {}
  })

  app.get('/api/v1/drover/pools', async (): Promise<ApiPools> => {
    const view = await herdView(deps)
    return { pools: settings.pools.map((pool) => poolState(pool, view)) }
  })

  app.get<{ Params: { name: string } }>('/api/v1/drover/pools/:name', { schema: { params: PoolParams } }, async (request): Promise<{ pool: ApiPool }> => {
    const pool = settings.pools.find((known) => known.name === request.params.name)
    if (!pool) throw notFound('pool', request.params.name)
    return { pool: poolState(pool, await herdView(deps)) }
  })

  app.post<{ Params: { name: string } }>('/api/v1/drover/pools/:name/resume', { config: { access: 'admin' }, schema: { params: PoolParams } }, async (request) => {
    const { name } = request.params
    if (!settings.pools.some((pool) => pool.name === name)) throw notFound('pool', name)
    const result = await commands.resumePool(name, userOf(request).username)
    // a pool that no loop has looked at yet is not paused
    if (result.kind !== 'not-found') answerTo(result, 'pool', name)
    return {}
  })

  app.get<{ Querystring: Type.Static<typeof LaunchesQuery> }>('/api/v1/drover/launches', { schema: { querystring: LaunchesQuery } }, async (request): Promise<ApiLaunches> => {
    const { query } = request
    const page = pageOf(query)
    const { launches, total } = await listLaunches(db, { ...page, pool: query.pool, states: statesOf(query.state, LAUNCH_STATES), experimentId: query.experimentId })
    return { launches: launches.map(launchShape), pagination: paginationOf(page, launches.length, total) }
  })

  app.get('/api/v1/drover/alarms', async (): Promise<ApiAlarms> => ({
    alarms: (await listAlarms(db)).map((row) => ({ key: row.key, text: row.text, since: row.since.toISOString(), cure: alarmCure(row.key) })),
  }))

  app.post('/api/v1/drover/alarms/brake/release', { config: { access: 'admin' } }, async (request) => {
    answerTo(await commands.releaseBrake(userOf(request).username), 'alarm', 'brake')
    return {}
  })
}

function statesOf(asked: readonly string[] | undefined, known: readonly string[]): readonly string[] | undefined {
  const wrong = asked?.find((state) => !known.includes(state))
  if (wrong !== undefined) throw new ApiFault(400, `state is ${JSON.stringify(wrong)}: write one of ${known.join(', ')}`)
  return asked
}

export async function instanceOr404({ db }: Pick<ApiDeps, 'db'>, id: string): Promise<InstanceRow> {
  const row = await findInstance(db, id)
  if (!row) throw notFound('instance', id)
  return row
}

export async function herdView({ db }: Pick<ApiDeps, 'db'>): Promise<HerdView> {
  const [pools, dry, counts, waiting, { launches }, agents] = await Promise.all([
    listPoolRows(db), listDryMarks(db), countInstances(db), listWaiting(db), listLaunches(db, { states: ['LAUNCHING'], limit: LAUNCHES_MAX, offset: 0 }), countAgents(db),
  ])
  return { pools, dry, counts, waiting, launches, agents }
}
