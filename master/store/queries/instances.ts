import { sql } from 'kysely'
import type { CloudFailure, InstanceState, Market, NoticeKind } from '../../../protocol/words/instances.ts'
import type { Db } from '../db.ts'

export interface InstanceRow {
  id: string
  launch_id: string
  pool: string
  type: string
  zone: string
  market: Market
  state: InstanceState
  state_reason: string
  slots: number
  /** dollars an hour when it was launched; null = not known */
  per_hour: number | null
  private_ip: string | null
  launched_at: Date
  registered_at: Date | null
  retiring_at: Date | null
  terminating_at: Date | null
  gone_at: Date | null
  notice: NoticeKind | null
  notice_until: Date | null
  /** why it was launched, and the allocations it was launched for */
  launch_reason: string
  allocations: string[]
  /** allocations on it that are not SEALED */
  live: string[]
  /** its agent's last heartbeat */
  seen_at: Date | null
  /** there is console output of a boot that never registered */
  has_console: boolean
}

export interface InstanceFilter {
  pool?: string | undefined
  /** those that cost money; else GONE ones too, the newest first */
  open?: boolean | undefined
  id?: string | undefined
  limit: number
}

/** Newest first; one statement. */
export async function listInstances(db: Db, filter: InstanceFilter): Promise<InstanceRow[]> {
  const { rows } = await sql<InstanceRow>`
    SELECT i.id, i.launch_id, i.pool, i.type, i.zone, i.market, i.state, i.state_reason, i.slots, i.per_hour, i.private_ip, i.launched_at, i.registered_at, i.retiring_at, i.terminating_at,
      i.gone_at, i.notice, i.notice_until, i.console <> '' AS has_console, l.reason AS launch_reason, l.allocations, g.seen_at, coalesce(held.live, '{}') AS live
    FROM instances i JOIN launches l ON l.id = i.launch_id LEFT JOIN agents g ON g.id = i.id
    LEFT JOIN LATERAL (SELECT array_agg(a.id ORDER BY a.id) AS live FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
      WHERE m.agent_id = i.id AND a.state <> 'SEALED' AND NOT m.lost) held ON i.state <> 'GONE'
    WHERE (${filter.id ?? null}::text IS NULL OR i.id = ${filter.id ?? null}) AND (${filter.pool ?? null}::text IS NULL OR i.pool = ${filter.pool ?? null})
      AND (NOT ${filter.open ?? false}::boolean OR i.state <> 'GONE')
    ORDER BY i.launched_at DESC, i.id LIMIT ${filter.limit}`.execute(db)
  return rows
}

/** With its console output, '' = none was kept. */
export async function findInstance(db: Db, id: string): Promise<(InstanceRow & { console: string }) | null> {
  const [row] = await listInstances(db, { id, limit: 1 })
  if (row === undefined) return null
  const { console } = await db.selectFrom('instances').select('console').where('id', '=', id).executeTakeFirstOrThrow()
  return { ...row, console }
}

export interface PoolStateRow {
  name: string
  note: string
  paused: string | null
  paused_at: Date | null
  strikes: number
  last_call_at: Date | null
  /** instances asked of EC2 without an answer yet */
  asked: number
  starting: number
  ready: number
  /** RETIRING or TERMINATING */
  ending: number
  /** dollars an hour of all that cost money, as far as known */
  per_hour: number
  /** what EC2 refused and is left alone for now; zone '' = every zone */
  dry: { type: string; zone: string; market: Market; until: string; kind: CloudFailure; code: string; text: string }[]
}

/** Every pool that ever needed EC2, by name. */
export async function listPoolStates(db: Db): Promise<PoolStateRow[]> {
  const { rows } = await sql<PoolStateRow>`
    SELECT p.name, p.note, p.paused, p.paused_at, p.strikes, p.last_call_at,
      (SELECT coalesce(sum(greatest(l.count - (SELECT count(*) FROM instances x WHERE x.launch_id = l.id), 0)), 0)::int FROM launches l WHERE l.pool = p.name AND l.state = 'LAUNCHING') AS asked,
      i.starting, i.ready, i.ending, i.per_hour,
      coalesce((SELECT jsonb_agg(to_jsonb(d) - 'pool' ORDER BY d.type, d.zone, d.market) FROM dry_marks d WHERE d.pool = p.name AND d.until > clock_timestamp()), '[]') AS dry
    FROM pools p CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE state = 'STARTING')::int AS starting, count(*) FILTER (WHERE state = 'READY')::int AS ready,
        count(*) FILTER (WHERE state IN ('RETIRING', 'TERMINATING'))::int AS ending, coalesce(sum(per_hour), 0)::float8 AS per_hour
      FROM instances WHERE pool = p.name AND state <> 'GONE'
    ) i ORDER BY p.name`.execute(db)
  return rows
}

export interface LaunchFailureRow {
  id: string
  pool: string
  type: string
  zone: string
  market: Market
  count: number
  reason: string
  error_kind: CloudFailure | null
  error_code: string
  error_text: string
  decided_at: Date
  settled_at: Date | null
}

/** Launches that EC2 refused, newest first. */
export async function listLaunchFailures(db: Db, filter: { pool?: string | undefined; limit: number }): Promise<LaunchFailureRow[]> {
  let query = db.selectFrom('launches').select(['id', 'pool', 'type', 'zone', 'market', 'count', 'reason', 'error_kind', 'error_code', 'error_text', 'decided_at', 'settled_at']).where('state', '=', 'FAILED')
  if (filter.pool !== undefined) query = query.where('pool', '=', filter.pool)
  return query.orderBy('decided_at', 'desc').orderBy('id').limit(filter.limit).execute()
}
