import { sql, type RawBuilder } from 'kysely'
import type { ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import type { CheckpointState } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'

export interface CheckpointRow {
  uuid: string
  task_id: string
  trial_id: number | null
  experiment_id: number | null
  allocation_id: string
  epoch: number
  ordinal: number
  steps: number
  state: CheckpointState
  error: string
  /** key of the checkpoint's directory, relative to the bucket */
  prefix: string
  resources: Record<string, number>
  bytes: number
  metadata: Record<string, unknown>
  declared_at: Date
  report_time: Date | null
  config: ExperimentConfig | null
  hparams: Record<string, unknown> | null
  /** reported at the same steps */
  training: Record<string, unknown> | null
  validation: Record<string, unknown> | null
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const CHECKPOINT_SORTS = ['UUID', 'TRIAL_ID', 'BATCH_NUMBER', 'END_TIME', 'STATE', 'SEARCHER_METRIC'] as const
export type CheckpointSort = (typeof CHECKPOINT_SORTS)[number]

const columns = sql`c.uuid, c.task_id, c.trial_id, c.experiment_id, c.allocation_id, c.epoch, c.ordinal, c.steps, c.state, c.error, c.prefix, c.resources, c.bytes, c.metadata,
  c.declared_at, c.report_time, e.config, t.hparams, tm.values AS training, vm.values AS validation`

const joins = sql`LEFT JOIN experiments e ON e.id = c.experiment_id LEFT JOIN trials t ON t.id = c.trial_id
  LEFT JOIN LATERAL (SELECT values FROM metrics WHERE trial_id = c.trial_id AND "group" = 'training' AND steps = c.steps ORDER BY replaced, id DESC LIMIT 1) tm ON true
  LEFT JOIN LATERAL (SELECT values FROM metrics WHERE trial_id = c.trial_id AND "group" = 'validation' AND steps = c.steps ORDER BY replaced, id DESC LIMIT 1) vm ON true`

export async function findCheckpoint(db: Db, uuid: string): Promise<CheckpointRow | null> {
  const { rows } = await sql<CheckpointRow>`SELECT ${columns} FROM checkpoints c ${joins} WHERE c.uuid = ${uuid}`.execute(db)
  return rows[0] ?? null
}

/** Experiment of a checkpoint; null when there is no such checkpoint or the text is no uuid. */
export async function findCheckpointOwner(db: Db, uuid: string): Promise<number | null> {
  if (!UUID.test(uuid)) return null
  const { rows } = await sql<{ experiment_id: number | null }>`SELECT experiment_id FROM checkpoints WHERE uuid = ${uuid}`.execute(db)
  return rows[0]?.experiment_id ?? null
}

export interface CheckpointFilter {
  of: { experimentId: number } | { trialId: number }
  states?: readonly string[] | undefined
  sort: CheckpointSort
  /** name of a validation metric, for SEARCHER_METRIC */
  metric: string
  descending: boolean
  limit: number
  offset: number
}

export async function listCheckpoints(db: Db, filter: CheckpointFilter): Promise<{ checkpoints: CheckpointRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const trials = 'trialId' in filter.of ? sql`${filter.of.trialId}` : sql`SELECT id FROM trials WHERE experiment_id = ${filter.of.experimentId}`
  const states = filter.states ? sql`AND state = ANY(${[...filter.states]}::text[])` : sql``
  const { rows } = await sql<CheckpointRow & { uuid: string | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT uuid FROM checkpoints WHERE trial_id IN (${trials}) ${states})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT row_number() OVER (ORDER BY ${sortKey(filter)} ${direction} NULLS LAST, c.declared_at ${direction}, c.uuid) AS place, ${columns} FROM matching JOIN checkpoints c ON c.uuid = matching.uuid ${joins}
      ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { checkpoints: rows.filter((row) => row.uuid !== null), total: rows[0]?.total ?? 0 }
}

function sortKey(filter: CheckpointFilter): RawBuilder<unknown> {
  switch (filter.sort) {
    case 'UUID': return sql`c.uuid`
    case 'TRIAL_ID': return sql`c.trial_id`
    case 'BATCH_NUMBER': return sql`c.steps`
    case 'END_TIME': return sql`coalesce(c.report_time, c.declared_at)`
    case 'STATE': return sql`c.state`
    // non-finite values are kept as text and sort last
    case 'SEARCHER_METRIC': return sql`CASE WHEN jsonb_typeof(vm.values -> ${filter.metric}) = 'number' THEN (vm.values ->> ${filter.metric})::double precision END`
  }
}
