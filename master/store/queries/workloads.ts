import { sql } from 'kysely'
import type { Db } from '../db.ts'

export type WorkloadRow =
  | { kind: 'training' | 'validation'; steps: number; at: Date; values: Record<string, unknown>; uuid: null; state: null; resources: null }
  | { kind: 'checkpoint'; steps: number; at: Date | null; values: Record<string, unknown>; uuid: string; state: string; resources: Record<string, number> }

export interface WorkloadFilter {
  trialId: number
  /** groups of metrics; null: all but training and validation count as training */
  group: string | null
  only: 'all' | 'validation' | 'checkpoint' | 'checkpoint-or-validation'
  withoutDeleted: boolean
  descending: boolean
  limit: number
  offset: number
}

/** Metric reports and checkpoints of a trial in order of steps. */
export async function listWorkloads(db: Db, filter: WorkloadFilter): Promise<{ workloads: WorkloadRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const groups = filter.group === null ? sql`` : sql`AND "group" = ${filter.group}`
  const metrics = filter.only === 'checkpoint' ? sql`AND false` : filter.only === 'all' ? sql`` : sql`AND "group" = 'validation'`
  const checkpoints = filter.only === 'validation' || filter.group !== null ? sql`AND false` : filter.withoutDeleted ? sql`AND state <> 'DELETED'` : sql``
  const { rows } = await sql<WorkloadRow & { kind: WorkloadRow['kind'] | null; total: number }>`
    WITH matching AS MATERIALIZED (
      SELECT CASE WHEN "group" = 'validation' THEN 'validation' ELSE 'training' END AS kind, steps, reported_at AS at, values, NULL::uuid AS uuid, NULL::text AS state, NULL::jsonb AS resources, id AS tie
      FROM metrics WHERE trial_id = ${filter.trialId} AND NOT replaced ${groups} ${metrics}
      UNION ALL
      SELECT 'checkpoint', steps, coalesce(report_time, uploaded_at), metadata, uuid, state, resources, epoch * 1000000::bigint + ordinal FROM checkpoints WHERE trial_id = ${filter.trialId} ${checkpoints})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT *, row_number() OVER (ORDER BY steps ${direction}, CASE kind WHEN 'training' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END, tie) AS place FROM matching
      ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { workloads: rows.filter((row) => row.kind !== null), total: rows[0]?.total ?? 0 }
}
