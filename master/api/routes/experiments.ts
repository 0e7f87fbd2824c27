import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ApiExperiments } from '../../../protocol/wire/api.ts'
import type { CommandResult } from '../../store/commands.ts'
import { experimentCost } from '../../store/queries/cost.ts'
import { EXPERIMENT_SORTS, findExperiment, findModelDefinition, listExperiments, type ExperimentRow, type ExperimentSort } from '../../store/queries/experiments.ts'
import { listStarting } from '../../store/queries/herd.ts'
import { poolNote } from '../../store/queries/pools.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { IdParams, pageOf, PageQuery, paginationOf } from '../page.ts'
import { experimentShape } from '../shapes/experiment.ts'
import { splitNote } from '../shapes/cure.ts'
import { isWaiting, waitText } from '../shapes/why.ts'
import { storedStates } from '../shapes/states.ts'

const Ids = Type.Array(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }), { maxItems: 1000 })
const Bound = Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 })
const Names = Type.Array(Type.String({ maxLength: 256 }), { maxItems: 100 })
const ListQuery = Type.Object({
  ...PageQuery,
  sortBy: Type.Optional(Type.String({ maxLength: 64 })),
  archived: Type.Optional(Type.Boolean()), name: Type.Optional(Type.String({ maxLength: 256 })), description: Type.Optional(Type.String({ maxLength: 256 })),
  labels: Type.Optional(Names), users: Type.Optional(Names), userIds: Type.Optional(Ids), projectId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  states: Type.Optional(Names), showTrialData: Type.Optional(Type.Boolean()),
  'experimentIdFilter.incl': Type.Optional(Ids), 'experimentIdFilter.notIn': Type.Optional(Ids),
  'experimentIdFilter.gt': Type.Optional(Bound), 'experimentIdFilter.gte': Type.Optional(Bound), 'experimentIdFilter.lt': Type.Optional(Bound), 'experimentIdFilter.lte': Type.Optional(Bound),
})
type ListQuery = Type.Static<typeof ListQuery>

export function experimentRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, settings, clock, commands } = deps

  app.get<{ Querystring: ListQuery }>('/api/v1/experiments', { schema: { querystring: ListQuery } }, async (request): Promise<ApiExperiments> => {
    const { query } = request
    const page = pageOf(query)
    const { experiments, total } = await listExperiments(db, {
      ...page, ...(query.states?.length ? storedStates(query.states) : {}), archived: query.archived, name: query.name, description: query.description, labels: query.labels,
      users: query.users, userIds: query.userIds, projectId: query.projectId, sort: sortOf<ExperimentSort>(query.sortBy, EXPERIMENT_SORTS), descending: query.orderBy === 'ORDER_BY_DESC', ids: query['experimentIdFilter.incl'],
      idRange: { gt: query['experimentIdFilter.gt'], gte: query['experimentIdFilter.gte'], lt: query['experimentIdFilter.lt'], lte: query['experimentIdFilter.lte'], notIn: query['experimentIdFilter.notIn'] },
    })
    return { experiments: experiments.map((row) => experimentShape(row, settings.checkpointStorage, clock.wallMs())), pagination: paginationOf(page, experiments.length, total) }
  })

  app.get<{ Params: { id: number } }>('/api/v1/experiments/:id', { config: { container: 'experiment' }, schema: { params: IdParams } }, async (request) => {
    const row = await findExperiment(db, request.params.id)
    if (!row) throw notFound('experiment', request.params.id)
    const shape = experimentShape(row, settings.checkpointStorage, clock.wallMs())
    const waits = isWaiting(row)
    const [cost, starting, note] = await Promise.all([experimentCost(db, row.id), waits ? listStarting(db, row.id) : [], waits ? poolNote(db, row.resource_pool) : ''])
    const experiment = { ...shape, drover: { ...shape.drover, waitReason: waitText(row, { note: splitNote(note).note, starting }), cost } }
    const jobState = experiment.state === 'STATE_QUEUED' ? 'STATE_QUEUED' : 'STATE_SCHEDULED'
    return { experiment, config: experiment.config, jobSummary: row.ended_at === null ? { state: jobState, jobsAhead: 0 } : null }
  })

  app.get<{ Params: { id: number } }>('/api/v1/experiments/:id/model_def', { schema: { params: IdParams } }, async (request) => {
    const found = await findModelDefinition(db, request.params.id)
    if (!found) throw notFound('experiment', request.params.id)
    return { b64Tgz: found.bytes?.toString('base64') ?? '' }
  })

  const verbs: Readonly<Record<string, (id: number, by: string) => Promise<CommandResult>>> = {
    activate: commands.activate, pause: commands.pause, cancel: commands.cancel, kill: commands.kill,
    archive: (id, by) => commands.setArchived(id, true, by), unarchive: (id, by) => commands.setArchived(id, false, by),
  }
  for (const [verb, command] of Object.entries(verbs)) {
    app.post<{ Params: { id: number } }>(`/api/v1/experiments/:id/${verb}`, { schema: { params: IdParams } }, async (request) => {
      answerTo(await command(request.params.id, userOf(request).username), 'experiment', request.params.id)
      return {}
    })
  }

  app.post<{ Params: { id: number } }>('/api/v1/trials/:id/kill', { schema: { params: IdParams } }, async (request) => {
    answerTo(await commands.killTrial(request.params.id, userOf(request).username), 'trial', request.params.id)
    return {}
  })
}

export async function mustFindExperiment(deps: Pick<ApiDeps, 'db'>, id: number): Promise<ExperimentRow> {
  const row = await findExperiment(deps.db, id)
  if (!row) throw notFound('experiment', id)
  return row
}

export function answerTo(result: CommandResult, what: string, id: string | number): void {
  if (result.kind === 'not-found') throw notFound(what, id)
  if (result.kind === 'conflict') throw new ApiFault(409, result.message)
}

/** `SORT_BY_START_TIME` -> `START_TIME`; unspecified = the first. */
export function sortOf<T extends string>(asked: string | undefined, known: readonly [T, ...T[]]): T {
  if (asked === undefined || asked === 'SORT_BY_UNSPECIFIED') return known[0]
  const sort = known.find((name) => asked === `SORT_BY_${name}`)
  if (!sort) throw new ApiFault(400, `sortBy is ${JSON.stringify(asked)}: write one of ${known.map((name) => `SORT_BY_${name}`).join(', ')}`)
  return sort
}
