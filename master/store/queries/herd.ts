import { sql, type RawBuilder } from 'kysely'
import type { AllocationState } from '../../../protocol/words/states.ts'
import { OFF } from '../brake.ts'
import type { Db } from '../db.ts'
import type { InstancesTable, LaunchesTable } from '../schema.ts'

/** An allocation that is not SEALED and has a member on the instance (I8). */
export interface LiveOnInstance {
  id: string
  state: AllocationState
  slots: number
  experiment_id: number | null
  trial_id: number | null
}

export interface InstanceRow {
  id: string
  launch_id: string
  pool: string
  type: string
  zone: string
  market: InstancesTable['market']
  slots: number
  per_hour: number | null
  state: InstancesTable['state']
  state_reason: string
  private_ip: string | null
  launched_at: Date
  registered_at: Date | null
  retiring_at: Date | null
  terminating_at: Date | null
  gone_at: Date | null
  notice: InstancesTable['notice']
  notice_at: Date | null
  notice_until: Date | null
  console: string
  /** of its agent, which has the same id; null = it never enrolled */
  agent_seen_at: Date | null
  agent_lost_at: Date | null
  agent_drained: boolean | null
  /** why it goes, from the moment in which it was decided */
  agent_retiring: string | null
  silent_seconds: number | null
  live: LiveOnInstance[]
  idle_since: Date | null
  /** of the database's clock */
  now: Date
}

const instanceColumns = sql`i.id, i.launch_id, i.pool, i.type, i.zone, i.market, i.slots, i.per_hour, i.state, i.state_reason, i.private_ip, i.launched_at, i.registered_at, i.retiring_at, i.terminating_at, i.gone_at,
  i.notice, i.notice_at, i.notice_until, i.console, g.seen_at AS agent_seen_at, g.lost_at AS agent_lost_at, g.drained AS agent_drained, g.retiring AS agent_retiring, extract(epoch FROM now() - g.seen_at)::float8 AS silent_seconds,
  coalesce(m.live, '[]') AS live, CASE WHEN m.live IS NULL AND i.gone_at IS NULL THEN greatest(i.registered_at, m.sealed_at) END AS idle_since, now() AS now`

/** What holds it, and when the last that did was sealed. */
const instanceJoins = sql`LEFT JOIN agents g ON g.id = i.id
  LEFT JOIN LATERAL (SELECT max(a.sealed_at) AS sealed_at, jsonb_agg(jsonb_build_object('id', a.id, 'state', a.state, 'slots', jsonb_array_length(am.slot_ids), 'experiment_id', k.experiment_id, 'trial_id', t.id) ORDER BY a.id)
      FILTER (WHERE a.state <> 'SEALED' AND NOT am.lost) AS live
    FROM allocation_members am JOIN allocations a ON a.id = am.allocation_id JOIN tasks k ON k.id = a.task_id LEFT JOIN trials t ON t.task_id = k.id WHERE am.agent_id = i.id) m ON true`

export interface InstanceFilter {
  pool?: string | undefined
  states?: readonly string[] | undefined
  /** those that EC2 has ended too */
  includeGone: boolean
  limit: number
  offset: number
}

/** Newest first. */
export async function listInstances(db: Db, filter: InstanceFilter): Promise<{ instances: InstanceRow[]; total: number }> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.pool !== undefined) all.push(sql`pool = ${filter.pool}`)
  if (filter.states?.length) all.push(sql`state = ANY(${[...filter.states]}::text[])`)
  else if (!filter.includeGone) all.push(sql`state <> 'GONE'`)
  const { rows } = await sql<InstanceRow & { id: string | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT id, launched_at FROM instances WHERE ${sql.join(all, sql` AND `)}),
    page AS (SELECT id, row_number() OVER (ORDER BY launched_at DESC, id) AS place FROM matching ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset})
    SELECT c.total, x.* FROM (SELECT count(*)::int AS total FROM matching) c LEFT JOIN (SELECT page.place, ${instanceColumns} FROM page JOIN instances i ON i.id = page.id ${instanceJoins}) x ON true
    ORDER BY x.place`.execute(db)
  return { instances: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

export async function findInstance(db: Db, id: string): Promise<InstanceRow | null> {
  const { rows } = await sql<InstanceRow>`SELECT ${instanceColumns} FROM instances i ${instanceJoins} WHERE i.id = ${id}`.execute(db)
  return rows[0] ?? null
}

export interface LaunchRow {
  id: string
  pool: string
  type: string
  zone: string
  market: LaunchesTable['market']
  gang: boolean
  count: number
  slots: number
  per_hour: number | null
  allocations: string[]
  reason: string
  state: LaunchesTable['state']
  error_kind: LaunchesTable['error_kind']
  error_code: string
  error_text: string
  decided_at: Date
  called_at: Date | null
  settled_at: Date | null
  instances: string[]
  /** the next launch of its pool for one of the same allocations */
  followed_by: { id: string; type: string; zone: string; market: LaunchesTable['market']; state: string } | null
}

export interface LaunchFilter {
  id?: string | undefined
  pool?: string | undefined
  states?: readonly string[] | undefined
  experimentId?: number | undefined
  limit: number
  offset: number
}

/** Newest first: what was asked of EC2, what it said, what followed. */
export async function listLaunches(db: Db, filter: LaunchFilter): Promise<{ launches: LaunchRow[]; total: number }> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.id !== undefined) all.push(sql`id = ${filter.id}`)
  if (filter.pool !== undefined) all.push(sql`pool = ${filter.pool}`)
  if (filter.states?.length) all.push(sql`state = ANY(${[...filter.states]}::text[])`)
  if (filter.experimentId !== undefined) all.push(sql`id IN (${launchesFor(sql`SELECT a.id FROM tasks k JOIN allocations a ON a.task_id = k.id WHERE k.experiment_id = ${filter.experimentId}`)})`)
  const { rows } = await sql<LaunchRow & { id: string | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT id, decided_at FROM launches WHERE ${sql.join(all, sql` AND `)}),
    page AS (SELECT id, row_number() OVER (ORDER BY decided_at DESC, id) AS place FROM matching ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset})
    SELECT c.total, x.* FROM (SELECT count(*)::int AS total FROM matching) c LEFT JOIN (
      SELECT page.place, l.*, coalesce(i.ids, '{}') AS instances, n.row AS followed_by FROM page JOIN launches l ON l.id = page.id
      LEFT JOIN LATERAL (SELECT array_agg(id ORDER BY id) AS ids FROM instances WHERE launch_id = l.id) i ON true
      LEFT JOIN LATERAL (SELECT jsonb_build_object('id', n.id, 'type', n.type, 'zone', n.zone, 'market', n.market, 'state', n.state) AS row FROM launches n
        WHERE n.pool = l.pool AND (n.decided_at, n.id) > (l.decided_at, l.id) AND (l.allocations = '[]' OR n.allocations ?| ARRAY(SELECT jsonb_array_elements_text(l.allocations)))
        ORDER BY n.decided_at, n.id LIMIT 1) n ON true) x ON true
    ORDER BY x.place`.execute(db)
  return { launches: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

export interface StartingRow {
  /** null: EC2 has not answered yet */
  id: string | null
  launch_id: string
  state: 'LAUNCHING' | InstancesTable['state']
  type: string
  zone: string
  market: LaunchesTable['market']
  per_hour: number | null
  age_seconds: number
}

/** Open launches and instances that were decided for what of the experiment still waits, and hold nothing yet; oldest first. */
export async function listStarting(db: Db, experimentId: number): Promise<StartingRow[]> {
  const own = launchesFor(sql`SELECT a.id FROM tasks k JOIN allocations a ON a.task_id = k.id WHERE k.experiment_id = ${experimentId} AND a.state = 'PENDING'`)
  const { rows } = await sql<StartingRow>`
    SELECT NULL AS id, l.id AS launch_id, l.state, l.type, l.zone, l.market, l.per_hour, extract(epoch FROM now() - l.decided_at)::float8 AS age_seconds
      FROM launches l WHERE l.state = 'LAUNCHING' AND l.id IN (${own})
    UNION ALL
    SELECT i.id, l.id, i.state, i.type, i.zone, i.market, i.per_hour, extract(epoch FROM now() - i.launched_at)::float8
      FROM instances i JOIN launches l ON l.id = i.launch_id WHERE i.state IN ('STARTING', 'READY') AND l.id IN (${own})
        AND NOT EXISTS (SELECT 1 FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id WHERE m.agent_id = i.id AND a.state <> 'SEALED' AND NOT m.lost)
    ORDER BY age_seconds DESC, launch_id`.execute(db)
  return rows
}

/** What stands; that the brake went off is a note of the loss loop to itself. */
export function listAlarms(db: Db): Promise<{ key: string; text: string; since: Date }[]> {
  return db.selectFrom('alarms').select(['key', 'text', 'since']).where('key', '<>', OFF).orderBy('since').orderBy('key').execute()
}

/** Ids of the launches that were decided for one of these allocations. */
function launchesFor(allocations: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`SELECT x.id FROM launches x CROSS JOIN LATERAL jsonb_array_elements_text(x.allocations) asked WHERE asked IN (${allocations})`
}
