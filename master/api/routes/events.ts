import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ApiEvents, ApiMetricRows } from '../../../protocol/wire/api.ts'
import { listEvents, listMetrics, listReports, trialEnded, type MetricReportRow } from '../../store/queries/events.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { sendStream } from '../live/ndjson.ts'
import { Cursor, Id, IdParams } from '../page.ts'

const EventsQuery = Type.Object({
  experimentId: Type.Optional(Id), trialId: Type.Optional(Id), agentId: Type.Optional(Type.String({ maxLength: 64 })), instanceId: Type.Optional(Type.String({ maxLength: 64 })), pool: Type.Optional(Type.String({ maxLength: 64 })), kind: Type.Optional(Type.String({ maxLength: 64 })),
  after: Type.Optional(Cursor),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })), orderBy: Type.Optional(Type.String({ maxLength: 32 })),
})
const MetricsQuery = Type.Object({ after: Type.Optional(Cursor), group: Type.Optional(Type.String({ maxLength: 128 })), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })) })
const ReportsQuery = Type.Object({ trialIds: Type.Array(Id, { maxItems: 1000 }), group: Type.Optional(Type.String({ maxLength: 128 })) })
const EVENTS_LIMIT = 100
const METRICS_LIMIT = 1_000
const REPORTS_PER_PAGE = 500

/** Drover's own: what happened and why, and metric rows for charts; and Determined's metric streams. */
export function eventRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  const { db } = deps

  app.get<{ Querystring: Type.Static<typeof EventsQuery> }>('/api/v1/drover/events', { schema: { querystring: EventsQuery } }, async (request): Promise<ApiEvents> => {
    const { query } = request
    const events = await listEvents(db, { ...query, descending: query.orderBy === 'ORDER_BY_DESC', limit: query.limit ?? EVENTS_LIMIT })
    return { events, cursor: events.reduce((newest, event) => Math.max(newest, event.id), query.after ?? 0) }
  })

  app.get<{ Params: { id: number }; Querystring: Type.Static<typeof MetricsQuery> }>('/api/v1/drover/trials/:id/metrics', { config: { container: 'trial' }, schema: { params: IdParams, querystring: MetricsQuery } }, async (request): Promise<ApiMetricRows> => {
    const { params, query } = request
    if (await trialEnded(db, params.id) === null) throw notFound('trial', params.id)
    const metrics = await listMetrics(db, { trialId: params.id, after: query.after ?? 0, group: query.group, limit: query.limit ?? METRICS_LIMIT })
    return { metrics, cursor: metrics.at(-1)?.id ?? query.after ?? 0 }
  })

  const streams: [path: string, group: string | null][] = [['training_metrics', 'training'], ['validation_metrics', 'validation'], ['trial_metrics', null]]
  for (const [path, group] of streams) {
    app.get<{ Querystring: Type.Static<typeof ReportsQuery> }>(`/api/v1/trials/metrics/${path}`, { schema: { querystring: ReportsQuery } }, (request, reply) =>
      sendStream(request, reply, stopping, deps.log, (signal) => pagesOfReports(deps, { trialIds: request.query.trialIds, group: group ?? request.query.group ?? 'training' }, signal)))
  }
}

async function* pagesOfReports(deps: Pick<ApiDeps, 'db'>, asked: { trialIds: readonly number[]; group: string }, signal: AbortSignal): AsyncGenerator<readonly unknown[]> {
  let after = { trialId: 0, steps: -1, id: 0 }
  while (!signal.aborted) {
    const rows = await listReports(deps.db, { ...asked, after, limit: REPORTS_PER_PAGE })
    const last = rows.at(-1)
    if (!last) return
    yield [{ metrics: rows.map(reportShape) }]
    after = { trialId: last.trial_id, steps: last.steps, id: last.id }
  }
}

function reportShape(row: MetricReportRow): Record<string, unknown> {
  const key = row.group === 'validation' ? 'validation_metrics' : 'avg_metrics'
  return { trialId: row.trial_id, endTime: row.reported_at.toISOString(), metrics: { [key]: row.values }, totalBatches: row.steps, archived: row.archived, id: row.id, trialRunId: row.epoch, group: row.group }
}
