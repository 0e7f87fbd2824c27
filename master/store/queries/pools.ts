import { sql } from 'kysely'
import type { Db } from '../db.ts'
import type { DryMarksTable, PoolsTable } from '../schema.ts'

export interface PoolRow {
  name: string
  note: string
  last_call_at: Date | null
  strikes: number
  paused: PoolsTable['paused']
  paused_at: Date | null
}

export interface DryMarkRow {
  pool: string
  type: string
  /** '' = every zone */
  zone: string
  market: DryMarksTable['market']
  until: Date
  kind: DryMarksTable['kind']
  code: string
  text: string
}

/** Instances of a pool that may cost money, by state; LAUNCHING counts what EC2 was asked for and has not given. */
export interface PoolCount {
  pool: string
  state: string
  count: number
  /** dollars an hour of those with a known price */
  per_hour: number
  unpriced: number
}

export interface WaitingRow {
  id: string
  pool: string
  slots: number
  created_at: Date
  wait_reason: string
  experiment_id: number | null
  trial_id: number | null
}

/** What the loops keep of each pool; a pool without a row has never been looked at. */
export function listPoolRows(db: Db): Promise<PoolRow[]> {
  return db.selectFrom('pools').selectAll().orderBy('name').execute()
}

/** '' = nothing waits for EC2 there. */
export async function poolNote(db: Db, name: string): Promise<string> {
  return (await db.selectFrom('pools').select('note').where('name', '=', name).executeTakeFirst())?.note ?? ''
}

/** Marks that still hold, in the order in which they end. */
export async function listDryMarks(db: Db): Promise<DryMarkRow[]> {
  const { rows } = await sql<DryMarkRow>`SELECT pool, type, zone, market, until, kind, code, text FROM dry_marks
    WHERE until > now() ORDER BY until, pool, type, zone, market`.execute(db)
  return rows
}

export async function countInstances(db: Db): Promise<PoolCount[]> {
  const { rows } = await sql<PoolCount>`
    SELECT pool, state, sum(n)::int AS count, coalesce(sum(per_hour * n), 0)::float8 AS per_hour, coalesce(sum(n) FILTER (WHERE per_hour IS NULL), 0)::int AS unpriced FROM (
      SELECT pool, state, per_hour, 1 AS n FROM instances WHERE state <> 'GONE'
      UNION ALL SELECT l.pool, l.state, 0, greatest(l.count - (SELECT count(*) FROM instances x WHERE x.launch_id = l.id), 0) FROM launches l WHERE l.state = 'LAUNCHING') x WHERE n > 0
    GROUP BY pool, state ORDER BY pool, state`.execute(db)
  return rows
}

/** What waits for slots, oldest first. */
export async function listWaiting(db: Db): Promise<WaitingRow[]> {
  const { rows } = await sql<WaitingRow>`SELECT a.id, a.pool, a.slots, a.created_at, a.wait_reason, k.experiment_id, t.id AS trial_id
    FROM allocations a JOIN tasks k ON k.id = a.task_id LEFT JOIN trials t ON t.task_id = k.id WHERE a.state = 'PENDING' ORDER BY a.created_at, a.id`.execute(db)
  return rows
}

/** Agents that are not retired, by pool. */
export async function countAgents(db: Db): Promise<{ pool: string; count: number }[]> {
  const { rows } = await sql<{ pool: string; count: number }>`SELECT pool, count(*)::int AS count FROM agents WHERE retired_at IS NULL GROUP BY pool ORDER BY pool`.execute(db)
  return rows
}
