import { sql, type RawBuilder } from 'kysely'
import type { ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import type { AllocationState, ExperimentState } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'

export interface ExperimentRow {
  id: number
  job_id: string
  name: string
  description: string
  notes: string
  labels: string[]
  state: ExperimentState
  state_reason: string
  archived: boolean
  owner_id: number
  username: string
  display_name: string | null
  project_id: number
  project_name: string
  project_owner_id: number
  workspace_id: number
  workspace_name: string
  /** its project or its workspace is */
  parent_archived: boolean
  parent_id: number | null
  config: ExperimentConfig
  original_config: string
  context_bytes: number
  resource_pool: string
  slots_per_trial: number
  priority: number
  max_restarts: number
  progress: number
  started_at: Date
  ended_at: Date | null
  trial_ids: number[]
  best_trial_id: number | null
  best_metric: number | null
  checkpoint_count: number
  checkpoint_bytes: number
  /** of the live allocation that has come furthest */
  allocation_state: AllocationState | null
  wait_reason: string | null
}

export const EXPERIMENT_SORTS = ['ID', 'DESCRIPTION', 'START_TIME', 'END_TIME', 'STATE', 'NUM_TRIALS', 'PROGRESS', 'USER', 'NAME', 'FORKED_FROM', 'RESOURCE_POOL', 'PROJECT_ID', 'CHECKPOINT_SIZE', 'CHECKPOINT_COUNT', 'SEARCHER_METRIC_VAL'] as const
export type ExperimentSort = (typeof EXPERIMENT_SORTS)[number]

export interface ExperimentFilter {
  ids?: readonly number[] | undefined
  archived?: boolean | undefined
  /** stored states */
  states?: readonly string[] | undefined
  /** states of the live allocation, for an ACTIVE experiment; null in it = none */
  liveStates?: readonly (string | null)[] | undefined
  name?: string | undefined
  description?: string | undefined
  labels?: readonly string[] | undefined
  users?: readonly string[] | undefined
  userIds?: readonly number[] | undefined
  projectId?: number | undefined
  idRange?: { gt?: number | undefined; gte?: number | undefined; lt?: number | undefined; lte?: number | undefined; notIn?: readonly number[] | undefined } | undefined
  sort: ExperimentSort
  descending: boolean
  limit: number
  offset: number
}

/** One statement: matching ids are counted and cut to the page, only the page's rows are joined with what hangs on them. */
export async function listExperiments(db: Db, filter: ExperimentFilter): Promise<{ experiments: ExperimentRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC NULLS LAST` : sql`ASC NULLS LAST`
  const { rows } = await sql<ExperimentRow & { id: number | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT e.id, ${sortKey(filter.sort)} AS sort_key FROM experiments e JOIN users u ON u.id = e.owner_id WHERE ${conditions(filter)}),
    page AS (SELECT id, row_number() OVER (ORDER BY sort_key ${direction}, id ${filter.descending ? sql`DESC` : sql`ASC`}) AS place FROM matching
      ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m LEFT JOIN (SELECT page.place, ${columns} FROM page JOIN experiments e ON e.id = page.id ${joins}) x ON true
    ORDER BY x.place`.execute(db)
  return { experiments: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

export async function findExperiment(db: Db, id: number): Promise<ExperimentRow | null> {
  return (await findExperiments(db, [id])).get(id) ?? null
}

export async function findExperiments(db: Db, ids: readonly number[]): Promise<Map<number, ExperimentRow>> {
  const { rows } = await sql<ExperimentRow>`SELECT ${columns} FROM experiments e ${joins} WHERE e.id = ANY(${[...ids]}::int[])`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

export async function findModelDefinition(db: Db, experimentId: number): Promise<{ bytes: Buffer | null } | null> {
  const row = await db.selectFrom('experiments').leftJoin('blobs', 'blobs.digest', 'experiments.context_digest').select('blobs.bytes').where('experiments.id', '=', experimentId).executeTakeFirst()
  return row ?? null
}

const columns = sql`e.id, e.job_id, e.name, e.description, e.notes, e.labels, e.state, e.state_reason, e.archived, e.owner_id, u.username, u.display_name,
  coalesce(pr.id, 1) AS project_id, coalesce(pr.name, 'Uncategorized') AS project_name, coalesce(pr.owner_id, 1) AS project_owner_id, coalesce(w.id, 1) AS workspace_id, coalesce(w.name, 'Uncategorized') AS workspace_name,
  coalesce(pr.archived OR w.archived, false) AS parent_archived, e.parent_id, e.config, e.original_config, e.resource_pool, e.slots_per_trial, e.priority, e.max_restarts, e.started_at, e.ended_at,
  coalesce((SELECT octet_length(b.bytes) FROM blobs b WHERE b.digest = e.context_digest), 0) AS context_bytes,
  greatest(e.progress, coalesce(t.progress, 0)) AS progress, coalesce(t.ids, '{}') AS trial_ids, best.id AS best_trial_id, best.searcher_metric AS best_metric,
  coalesce(c.count, 0)::int AS checkpoint_count, coalesce(c.bytes, 0)::bigint AS checkpoint_bytes, a.state AS allocation_state, a.wait_reason`

const joins = sql`JOIN users u ON u.id = e.owner_id LEFT JOIN projects pr ON pr.id = e.project_id LEFT JOIN workspaces w ON w.id = pr.workspace_id
  LEFT JOIN LATERAL (SELECT array_agg(id ORDER BY id) AS ids, sum(progress) / greatest(count(*), (SELECT s.trials FROM searches s WHERE s.experiment_id = e.id)) AS progress FROM trials WHERE experiment_id = e.id) t ON true
  LEFT JOIN LATERAL (SELECT id, searcher_metric FROM trials WHERE experiment_id = e.id AND searcher_metric IS NOT NULL
    ORDER BY searcher_metric * CASE WHEN e.config #>> '{searcher,smaller_is_better}' = 'false' THEN -1 ELSE 1 END, id LIMIT 1) best ON true
  LEFT JOIN LATERAL (SELECT count(*) AS count, sum(p.bytes) AS bytes FROM trials x JOIN checkpoints p ON p.trial_id = x.id WHERE x.experiment_id = e.id AND p.state = 'COMPLETED') c ON true
  LEFT JOIN LATERAL (${live(sql`l.state, l.wait_reason`)}) a ON true`

/** The allocation of the experiment that holds or waits for slots; running before waiting. */
function live(what: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`SELECT ${what} FROM trials x JOIN allocations l ON l.task_id = x.task_id WHERE x.experiment_id = e.id AND l.state <> 'SEALED'
    ORDER BY array_position(ARRAY['RUNNING','DRAINING','STARTING','RESTORING','PULLING','ASSIGNED','PENDING'], l.state), l.id LIMIT 1`
}

function sortKey(sort: ExperimentSort): RawBuilder<unknown> {
  const perCheckpoint = (what: RawBuilder<unknown>): RawBuilder<unknown> => sql`(SELECT ${what} FROM trials x JOIN checkpoints p ON p.trial_id = x.id WHERE x.experiment_id = e.id AND p.state = 'COMPLETED')`
  switch (sort) {
    case 'ID': return sql`e.id`
    case 'DESCRIPTION': return sql`e.description`
    case 'START_TIME': return sql`e.started_at`
    case 'END_TIME': return sql`e.ended_at`
    case 'STATE': return sql`e.state`
    case 'NUM_TRIALS': return sql`(SELECT count(*) FROM trials x WHERE x.experiment_id = e.id)`
    case 'PROGRESS': return sql`e.progress`
    case 'USER': return sql`u.username`
    case 'NAME': return sql`e.name`
    case 'FORKED_FROM': return sql`e.parent_id`
    case 'RESOURCE_POOL': return sql`e.resource_pool`
    case 'PROJECT_ID': return sql`e.project_id`
    case 'CHECKPOINT_SIZE': return perCheckpoint(sql`sum(p.bytes)`)
    case 'CHECKPOINT_COUNT': return perCheckpoint(sql`count(*)`)
    case 'SEARCHER_METRIC_VAL': return sql`(SELECT min(x.searcher_metric) FROM trials x WHERE x.experiment_id = e.id)`
  }
}

function conditions(filter: ExperimentFilter): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.ids) all.push(sql`e.id = ANY(${filter.ids}::int[])`)
  if (filter.archived !== undefined) all.push(sql`e.archived = ${filter.archived}`)
  if (filter.states || filter.liveStates) all.push(stateCondition(filter.states ?? [], filter.liveStates ?? []))
  if (filter.name) all.push(sql`position(lower(${filter.name}) in lower(e.name)) > 0`)
  if (filter.description) all.push(sql`position(lower(${filter.description}) in lower(e.description)) > 0`)
  if (filter.labels?.length) all.push(sql`e.labels @> ${JSON.stringify(filter.labels)}::jsonb`)
  const owners = [filter.users?.length ? sql`lower(u.username) = ANY(${filter.users.map((name) => name.toLowerCase())}::text[])` : null, filter.userIds?.length ? sql`e.owner_id = ANY(${filter.userIds}::int[])` : null]
  const named = owners.filter((condition) => condition !== null)
  if (named.length > 0) all.push(sql`(${sql.join(named, sql` OR `)})`)
  if (filter.projectId) all.push(sql`e.project_id = ${filter.projectId}`)
  all.push(...rangeConditions(filter.idRange ?? {}))
  return sql.join(all, sql` AND `)
}

function rangeConditions(range: NonNullable<ExperimentFilter['idRange']>): RawBuilder<unknown>[] {
  const all: RawBuilder<unknown>[] = []
  if (range.gt !== undefined) all.push(sql`e.id > ${range.gt}`)
  if (range.gte !== undefined) all.push(sql`e.id >= ${range.gte}`)
  if (range.lt !== undefined) all.push(sql`e.id < ${range.lt}`)
  if (range.lte !== undefined) all.push(sql`e.id <= ${range.lte}`)
  if (range.notIn?.length) all.push(sql`NOT (e.id = ANY(${range.notIn}::int[]))`)
  return all
}

function stateCondition(states: readonly string[], live_: readonly (string | null)[]): RawBuilder<unknown> {
  const stored = sql`e.state = ANY(${[...states]}::text[])`
  if (live_.length === 0) return stored
  const wanted = live_.filter((state) => state !== null)
  const current = sql`(${live(sql`l.state`)})`
  const matches = live_.includes(null) ? sql`coalesce(${current} = ANY(${wanted}::text[]), true)` : sql`${current} = ANY(${wanted}::text[])`
  return sql`(${stored} OR (e.state = 'ACTIVE' AND ${matches}))`
}
