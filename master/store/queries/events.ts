import { sql, type RawBuilder } from 'kysely'
import type { LiveEvent, LiveMetric } from '../../../protocol/wire/live.ts'
import type { Db } from '../db.ts'

interface EventRow {
  id: number
  at: Date
  kind: string
  experiment_id: number | null
  trial_id: number | null
  allocation_id: string | null
  agent_id: string | null
  instance_id: string | null
  pool: string | null
  text: string
  data: Record<string, unknown>
}

export interface EventFilter {
  experimentId?: number | undefined
  trialId?: number | undefined
  agentId?: string | undefined
  instanceId?: string | undefined
  pool?: string | undefined
  kind?: string | undefined
  after?: number | undefined
  descending: boolean
  limit: number
}

/** Ids grow in order of commit, so a reader that remembers the last one misses none. */
export async function listEvents(db: Db, filter: EventFilter): Promise<LiveEvent[]> {
  const all: RawBuilder<unknown>[] = [sql`id > ${filter.after ?? 0}`]
  if (filter.experimentId !== undefined) all.push(sql`experiment_id = ${filter.experimentId}`)
  // by the experiment as well, for which there is an index
  if (filter.trialId !== undefined) all.push(sql`trial_id = ${filter.trialId} AND experiment_id = (SELECT t.experiment_id FROM trials t WHERE t.id = ${filter.trialId})`)
  if (filter.agentId !== undefined) all.push(sql`agent_id = ${filter.agentId}`)
  // an instance and its agent have the same id: what the agent did on it belongs to its story
  if (filter.instanceId !== undefined) all.push(sql`(instance_id = ${filter.instanceId} OR agent_id = ${filter.instanceId})`)
  if (filter.pool !== undefined) all.push(sql`pool = ${filter.pool}`)
  if (filter.kind !== undefined) all.push(sql`kind = ${filter.kind}`)
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const { rows } = await sql<EventRow>`SELECT id, at, kind, experiment_id, trial_id, allocation_id, agent_id, instance_id, pool, text, data FROM events
    WHERE ${sql.join(all, sql` AND `)} ORDER BY id ${direction} LIMIT ${filter.limit}`.execute(db)
  return rows.map((row) => ({
    id: row.id, time: row.at.toISOString(), kind: row.kind, experimentId: row.experiment_id, trialId: row.trial_id,
    allocationId: row.allocation_id, agentId: row.agent_id, instanceId: row.instance_id, pool: row.pool, text: row.text, data: row.data,
  }))
}

/** Metric reports of a trial beyond the cursor, in order of their id. Those that a later attempt replaced are left out. */
export async function listMetrics(db: Db, filter: { trialId: number; after: number; group?: string | undefined; limit: number }): Promise<LiveMetric[]> {
  let query = db.selectFrom('metrics').select(['id', 'group', 'steps', 'values', 'reported_at']).where('trial_id', '=', filter.trialId).where('id', '>', filter.after).where('replaced', '=', false)
  if (filter.group !== undefined) query = query.where('group', '=', filter.group)
  const rows = await query.orderBy('id').limit(filter.limit).execute()
  return rows.map((row) => ({ id: row.id, time: row.reported_at.toISOString(), group: row.group, steps: row.steps, values: row.values }))
}

export interface MetricReportRow {
  id: number
  trial_id: number
  epoch: number
  group: string
  steps: number
  values: Record<string, unknown>
  reported_at: Date
  archived: boolean
}

/** A page of reports of many trials in order of (trial, steps, id), for Determined's metric streams. */
export async function listReports(db: Db, filter: { trialIds: readonly number[]; group: string; after: { trialId: number; steps: number; id: number }; limit: number }): Promise<MetricReportRow[]> {
  const { rows } = await sql<MetricReportRow>`SELECT m.id, m.trial_id, m.epoch, m."group", m.steps, m.values, m.reported_at, m.replaced AS archived FROM metrics m
    WHERE m.trial_id = ANY(${[...filter.trialIds]}::int[]) AND m."group" = ${filter.group} AND NOT m.replaced AND (m.trial_id, m.steps, m.id) > (${filter.after.trialId}, ${filter.after.steps}, ${filter.after.id})
    ORDER BY m.trial_id, m.steps, m.id LIMIT ${filter.limit}`.execute(db)
  return rows
}

/** True once no more metrics can come; null when there is no such trial. */
export async function trialEnded(db: Db, trialId: number): Promise<boolean | null> {
  const { rows } = await sql<{ ended: boolean }>`SELECT t.state IN ('COMPLETED', 'CANCELED', 'ERROR') AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.task_id = t.task_id AND a.state <> 'SEALED') AS ended
    FROM trials t WHERE t.id = ${trialId}`.execute(db)
  return rows[0]?.ended ?? null
}
