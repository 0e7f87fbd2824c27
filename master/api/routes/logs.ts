import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { findLogSource, type LogSource } from '../../store/queries/logs.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import type { ChangeHub } from '../live/change-hub.ts'
import { pagesOfLines } from '../live/follow-lines.ts'
import { sendStream } from '../live/ndjson.ts'
import type { LineFilter } from '../live/read-lines.ts'
import { IdParams } from '../page.ts'
import { taskLogShape, trialLogShape, type Line } from '../shapes/log-line.ts'
import { TaskParams } from './tasks.ts'
import { meantAllocation, meantTask } from '../shapes/task-ids.ts'

const Names = Type.Array(Type.String({ maxLength: 256 }), { maxItems: 100 })
const LogsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })), follow: Type.Optional(Type.Boolean()), orderBy: Type.Optional(Type.String({ maxLength: 32 })),
  agentIds: Type.Optional(Names), allocationIds: Type.Optional(Names), containerIds: Type.Optional(Names), rankIds: Type.Optional(Type.Array(Type.Integer({ minimum: -1, maximum: 65_535 }), { maxItems: 100 })),
  levels: Type.Optional(Names), stdtypes: Type.Optional(Names), sources: Type.Optional(Names),
  timestampBefore: Type.Optional(Type.String({ maxLength: 64 })), timestampAfter: Type.Optional(Type.String({ maxLength: 64 })),
  searchText: Type.Optional(Type.String({ maxLength: 1024 })), enableRegex: Type.Optional(Type.Boolean()),
})
type LogsQuery = Type.Static<typeof LogsQuery>

export function logRoutes(app: FastifyInstance, deps: ApiDeps, hub: ChangeHub, stopping: AbortSignal): void {
  const send = (request: FastifyRequest, reply: FastifyReply, query: LogsQuery, source: LogSource, shape: (line: Line) => unknown): FastifyReply => {
    const asked = { taskId: source.taskId, filter: filterOf(query), limit: query.limit ?? 0, descending: query.orderBy === 'ORDER_BY_DESC', follow: query.follow ?? false }
    if (asked.follow && asked.descending) throw new ApiFault(400, 'follow gives lines in the order in which they come: leave orderBy out, or follow')
    return sendStream(request, reply, stopping, deps.log, async function* (signal) {
      for await (const lines of pagesOfLines(deps, hub, asked, signal)) yield lines.map(shape)
    })
  }

  app.get<{ Params: { id: number }; Querystring: LogsQuery }>('/api/v1/trials/:id/logs', { config: { container: 'trial' }, schema: { params: IdParams, querystring: LogsQuery } }, async (request, reply) => {
    const { id } = request.params
    const source = await findLogSource(deps.db, { trialId: id })
    if (!source) throw notFound('trial', id)
    return send(request, reply, request.query, source, (line) => trialLogShape(line, id))
  })

  app.get<{ Params: { id: string }; Querystring: LogsQuery }>('/api/v1/tasks/:id/logs', { config: { container: 'task' }, schema: { params: TaskParams, querystring: LogsQuery } }, async (request, reply) => {
    const meant = meantTask(request.params.id)
    const source = await findLogSource(deps.db, { taskId: meant.id })
    if (!source || (meant.experimentId !== null && meant.experimentId !== source.experimentId)) throw notFound('task', request.params.id)
    return send(request, reply, request.query, source, (line) => taskLogShape(line, { id: source.taskId, experimentId: source.experimentId }))
  })
}

function filterOf(query: LogsQuery): LineFilter {
  return {
    allocationIds: query.allocationIds?.map(meantAllocation), agentIds: query.agentIds, containerIds: query.containerIds, rankIds: query.rankIds, sources: query.sources, levels: query.levels, stdtypes: query.stdtypes,
    before: timeOf(query.timestampBefore, 'timestampBefore'), after: timeOf(query.timestampAfter, 'timestampAfter'), matches: matcherOf(query),
  }
}

/** Plain text, upper and lower case alike. A pattern of the caller's is not run: one bad pattern would hold up the whole master. */
function matcherOf(query: LogsQuery): LineFilter['matches'] {
  if (query.searchText === undefined || query.searchText === '') return null
  if (query.enableRegex) throw new ApiFault(400, 'enableRegex: this release searches plain text only: leave it out')
  const wanted = query.searchText.toLowerCase()
  return (text) => text.toLowerCase().includes(wanted)
}

function timeOf(text: string | undefined, field: string): Date | undefined {
  if (text === undefined || text === '') return undefined
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new ApiFault(400, `${field} is ${JSON.stringify(text)}: write a time as in RFC 3339, for example 2026-01-31T12:00:00Z`)
  return new Date(ms)
}
