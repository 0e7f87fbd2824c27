import { sql } from 'kysely'
import type { AllocationState } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'

/** What waits for slots or holds them: an experiment that has not ended, or a command. */
export interface JobRow {
  job_id: string
  kind: 'EXPERIMENT' | 'COMMAND'
  /** number of the experiment, task of the command */
  entity: string
  name: string
  pool: string
  priority: number
  submitted_at: Date
  owner_id: number
  username: string
  workspace_id: number
  requested: number
  allocated: number
  progress: number
  /** of the allocation that has come furthest; null: none */
  state: AllocationState | null
  /** jobs of the pool that go first among those that wait; -1: it does not wait */
  ahead: number
}

export interface JobFilter {
  pool?: string | undefined
  jobId?: string | undefined
  scheduled?: boolean | undefined
  descending: boolean
  limit: number
  offset: number
}

/** In the order in which the scheduler serves them: priority, then age. */
export async function listJobs(db: Db, filter: JobFilter): Promise<{ jobs: JobRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const inPool = filter.pool ? sql`AND pool = ${filter.pool}` : sql``
  const only = filter.jobId ? sql`AND job_id = ${filter.jobId}` : sql``
  const scheduled = filter.scheduled === undefined ? sql`` : filter.scheduled ? sql`AND allocated > 0` : sql`AND allocated = 0`
  const { rows } = await sql<JobRow & { job_id: string | null; total: number }>`
    WITH live AS MATERIALIZED (SELECT a.*, k.experiment_id FROM allocations a JOIN tasks k ON k.id = a.task_id WHERE a.state <> 'SEALED'),
    jobs AS MATERIALIZED (
      SELECT e.job_id, 'EXPERIMENT' AS kind, e.id::text AS entity, e.name, e.resource_pool AS pool, e.priority, e.started_at AS submitted_at, e.owner_id, u.username, coalesce(p.workspace_id, 1) AS workspace_id, e.progress,
        e.slots_per_trial * greatest(1, (SELECT count(*)::int FROM trials t WHERE t.experiment_id = e.id AND t.state = 'ACTIVE')) AS requested, e.id::float8 AS place, l.allocated, l.state
      FROM experiments e JOIN users u ON u.id = e.owner_id LEFT JOIN projects p ON p.id = e.project_id
      CROSS JOIN LATERAL (SELECT coalesce(sum(l.slots) FILTER (WHERE l.state NOT IN ('PENDING', 'DRAINING')), 0)::int AS allocated, (array_agg(l.state ORDER BY l.state = 'PENDING', l.id))[1] AS state FROM live l WHERE l.experiment_id = e.id) l
      WHERE e.state IN ('ACTIVE', 'STOPPING_COMPLETED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'STOPPING_ERROR')
      UNION ALL
      SELECT c.job_id, 'COMMAND', c.task_id, c.description, c.resource_pool, c.priority, k.started_at, c.owner_id, u.username, c.workspace_id, 0, c.slots, c.after_experiment + 0.5, CASE WHEN l.state IN ('PENDING', 'DRAINING') THEN 0 ELSE coalesce(l.slots, 0) END, l.state
      FROM commands c JOIN tasks k ON k.id = c.task_id JOIN users u ON u.id = c.owner_id LEFT JOIN live l ON l.task_id = c.task_id WHERE k.ended_at IS NULL),
    placed AS MATERIALIZED (SELECT *, CASE WHEN state IS NULL OR state = 'PENDING' THEN (count(*) FILTER (WHERE state IS NULL OR state = 'PENDING') OVER (PARTITION BY pool ORDER BY priority, place, job_id))::int - 1 ELSE -1 END AS ahead FROM jobs),
    matching AS MATERIALIZED (SELECT * FROM placed WHERE true ${inPool} ${only} ${scheduled})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT *, row_number() OVER (ORDER BY ahead >= 0 ${direction}, priority ${direction}, place ${direction}, job_id) AS line FROM matching ORDER BY line LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.line`.execute(db)
  return { jobs: rows.filter((row) => row.job_id !== null), total: rows[0]?.total ?? 0 }
}
