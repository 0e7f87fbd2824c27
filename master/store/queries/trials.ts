import { sql } from 'kysely'
import type { ExitKind } from '../../../protocol/words/failures.ts'
import type { AllocationState, ExperimentState, TrialState, Want } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'
import type { MetricsSnapshot } from '../schema.ts'

export interface TrialRow {
  id: number
  experiment_id: number
  experiment_state: ExperimentState
  task_id: string
  state: TrialState
  state_reason: string
  hparams: Record<string, unknown>
  seed: number
  restarts: number
  runner_state: string
  progress: number
  steps_completed: number
  searcher_metric: number | null
  best_validation: MetricsSnapshot | null
  latest_validation: MetricsSnapshot | null
  latest_training: MetricsSnapshot | null
  started_at: Date
  ended_at: Date | null
  checkpoint_count: number
  checkpoint_bytes: number
  best_checkpoint: BestCheckpoint | null
  allocation: NewestAllocation | null
}

/** As Postgres writes rows as JSON: times are text. */
export interface BestCheckpoint {
  uuid: string
  state: string
  steps: number
  report_time: string | null
  resources: Record<string, number>
  metadata: Record<string, unknown>
}

export interface NewestAllocation {
  id: string
  state: AllocationState
  want: Want
  want_reason: string
  wait_reason: string
  exit_kind: ExitKind | null
  exit_code: number | null
  exit_text: string
  agents: string[]
  container_id: string | null
}

export const TRIAL_SORTS = ['ID', 'START_TIME', 'END_TIME', 'STATE', 'BEST_VALIDATION_METRIC', 'LATEST_VALIDATION_METRIC', 'BATCHES_PROCESSED', 'DURATION', 'RESTARTS', 'CHECKPOINT_SIZE'] as const
export type TrialSort = (typeof TRIAL_SORTS)[number]

const columns = sql`t.id, t.experiment_id, e.state AS experiment_state, t.task_id, t.state, t.state_reason, t.hparams, t.seed, t.restarts, t.runner_state, t.progress, t.steps_completed,
  t.searcher_metric, t.best_validation, t.latest_validation, t.latest_training, t.started_at, t.ended_at,
  coalesce(c.count, 0)::int AS checkpoint_count, coalesce(c.bytes, 0)::bigint AS checkpoint_bytes, best.row AS best_checkpoint, a.row AS allocation`

const joins = sql`JOIN experiments e ON e.id = t.experiment_id
  LEFT JOIN LATERAL (SELECT count(*) AS count, sum(bytes) AS bytes FROM checkpoints WHERE trial_id = t.id AND state = 'COMPLETED') c ON true
  LEFT JOIN LATERAL (SELECT to_jsonb(p) AS row FROM (SELECT uuid, state, steps, report_time, resources, metadata FROM checkpoints
    WHERE trial_id = t.id AND state = 'COMPLETED' ORDER BY (steps = (t.best_validation ->> 'steps')::bigint) DESC NULLS LAST, steps DESC, ordinal DESC LIMIT 1) p) best ON true
  LEFT JOIN LATERAL (SELECT to_jsonb(l) AS row FROM (SELECT a.id, a.state, a.want, a.want_reason, a.wait_reason, a.exit_kind, a.exit_code, a.exit_text,
      coalesce((SELECT jsonb_agg(m.agent_id ORDER BY m.rank) FROM allocation_members m WHERE m.allocation_id = a.id), '[]') AS agents,
      (SELECT m.container_id FROM allocation_members m WHERE m.allocation_id = a.id AND m.rank = 0) AS container_id
    FROM allocations a WHERE a.task_id = t.task_id ORDER BY a.epoch DESC LIMIT 1) l) a ON true`

export async function findTrial(db: Db, id: number): Promise<TrialRow | null> {
  const { rows } = await sql<TrialRow>`SELECT ${columns} FROM trials t ${joins} WHERE t.id = ${id}`.execute(db)
  return rows[0] ?? null
}

export async function listTrials(db: Db, filter: { experimentId: number; states?: readonly string[] | undefined; sort: TrialSort; descending: boolean; limit: number; offset: number }): Promise<{ trials: TrialRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const states = filter.states ? sql`AND state = ANY(${[...filter.states]}::text[])` : sql``
  const { rows } = await sql<TrialRow & { id: number | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT id FROM trials WHERE experiment_id = ${filter.experimentId} ${states})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT row_number() OVER (ORDER BY ${sortKey(filter.sort)} ${direction} NULLS LAST, t.id ${direction}) AS place, ${columns} FROM matching JOIN trials t ON t.id = matching.id ${joins}
      ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { trials: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

function sortKey(sort: TrialSort) {
  switch (sort) {
    case 'ID': return sql`t.id`
    case 'START_TIME': return sql`t.started_at`
    case 'END_TIME': return sql`t.ended_at`
    case 'STATE': return sql`t.state`
    case 'BEST_VALIDATION_METRIC': return sql`t.searcher_metric`
    case 'LATEST_VALIDATION_METRIC': return sql`t.latest_validation ->> 'steps'`
    case 'BATCHES_PROCESSED': return sql`t.steps_completed`
    case 'DURATION': return sql`coalesce(t.ended_at, now()) - t.started_at`
    case 'RESTARTS': return sql`t.restarts`
    case 'CHECKPOINT_SIZE': return sql`c.bytes`
  }
}
