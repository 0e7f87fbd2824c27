import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import { listJobs, type JobRow } from '../../store/queries/jobs.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import { pageOf, PageQuery, paginationOf } from '../page.ts'
import { poolMistakes, refused } from '../read-config.ts'
import { shownTaskId } from '../shapes/task-ids.ts'
import { answerTo } from './experiments.ts'

const ListQuery = Type.Object({ ...PageQuery, resourcePool: Type.Optional(Type.String({ maxLength: 64 })), states: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 10 })) })
type ListQuery = Type.Static<typeof ListQuery>
const Update = Type.Object({
  jobId: Uuid, priority: Type.Optional(Type.Integer({ minimum: 1, maximum: 99 })), weight: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })), resourcePool: Type.Optional(Type.String({ maxLength: 64 })),
  aheadOf: Type.Optional(Type.String({ maxLength: 64 })), behindOf: Type.Optional(Type.String({ maxLength: 64 })),
})
const UpdateBody = Type.Object({ updates: Type.Array(Update, { maxItems: 1000 }) })

/** The queue as the scheduler serves it. */
export function jobRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, commands, settings } = deps

  const list = async (query: ListQuery): Promise<{ jobs: Record<string, unknown>[]; pagination: unknown }> => {
    const page = pageOf(query)
    const states = query.states ?? []
    const scheduled = states.length === 0 || (states.includes('STATE_QUEUED') && states.some((state) => state.startsWith('STATE_SCHEDULED'))) ? undefined : !states.includes('STATE_QUEUED')
    const { jobs, total } = await listJobs(db, { ...page, pool: query.resourcePool, scheduled, descending: query.orderBy === 'ORDER_BY_DESC' })
    return { jobs: jobs.map(jobShape), pagination: paginationOf(page, jobs.length, total) }
  }

  app.get<{ Querystring: ListQuery }>('/api/v1/job-queues', { schema: { querystring: ListQuery } }, ({ query }) => list(query))

  app.get<{ Querystring: ListQuery }>('/api/v1/job-queues-v2', { schema: { querystring: ListQuery } }, async ({ query }) => {
    const { jobs, pagination } = await list(query)
    return { jobs: jobs.map((job) => ({ full: job })), pagination }
  })

  app.get<{ Querystring: { resourcePools?: string[] } }>('/api/v1/job-queues/stats', { schema: { querystring: Type.Object({ resourcePools: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 1000 })) }) } }, async ({ query }) => {
    const { jobs } = await listJobs(db, { limit: 20_000, offset: 0, descending: false })
    const pools = settings.pools.filter((pool) => !query.resourcePools?.length || query.resourcePools.includes(pool.name))
    return { results: pools.map((pool) => statsOf(pool.name, jobs.filter((job) => job.pool === pool.name))) }
  })

  app.post<{ Body: Type.Static<typeof UpdateBody> }>('/api/v1/job-queues', { schema: { body: UpdateBody } }, async (request) => {
    const { updates } = request.body
    for (const update of updates) {
      if (update.aheadOf || update.behindOf) throw new ApiFault(400, 'aheadOf and behindOf: within a priority the older job goes first: change the priority instead')
      const mistakes = poolMistakes(update.resourcePool ?? '', settings)
      if (mistakes.length > 0) throw refused('the update', mistakes)
    }
    for (const { jobId, priority, weight, resourcePool } of updates) answerTo(await commands.changeJob(jobId, { priority, weight, pool: resourcePool || undefined }, userOf(request).username), 'job', jobId)
    return {}
  })
}

function jobShape(row: JobRow): Record<string, unknown> {
  const state = row.allocated > 0 || (row.state !== null && row.state !== 'PENDING') ? 'STATE_SCHEDULED' : 'STATE_QUEUED'
  return {
    jobId: row.job_id, entityId: row.kind === 'COMMAND' ? shownTaskId(row.entity, null) : row.entity, type: `TYPE_${row.kind}`, name: row.name, resourcePool: row.pool, priority: row.priority, weight: 0, submissionTime: row.submitted_at.toISOString(),
    username: row.username, userId: row.owner_id, workspaceId: row.workspace_id, requestedSlots: row.requested, allocatedSlots: row.allocated, isPreemptible: row.kind === 'EXPERIMENT', progress: row.progress,
    summary: { state, jobsAhead: row.ahead },
  }
}

function statsOf(pool: string, jobs: readonly JobRow[]): Record<string, unknown> {
  const queued = jobs.filter((job) => job.ahead >= 0).length
  return { resourcePool: pool, stats: { queuedCount: queued, scheduledCount: jobs.length - queued, preemptibleCount: jobs.filter((job) => job.kind === 'EXPERIMENT').length }, aggregates: [] }
}
