import { sql } from 'kysely'
import type { Db } from '../db.ts'
import { hashToken, newToken } from '../secrets.ts'

export interface SessionRow {
  userId: number
  username: string
  displayName: string | null
  admin: boolean
}

export interface AllocationTokenRow {
  allocationId: string
  taskId: string
  trialId: number | null
  experimentId: number | null
  ownerId: number
}

/** A new session; the token is returned once and stored nowhere. */
export async function openSession(db: Db, userId: number, seconds: number): Promise<string> {
  const { token, hash } = newToken()
  await db.insertInto('tokens').values({ hash, kind: 'session', user_id: userId, allocation_id: null, agent_id: null, expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` }).execute()
  await sql`DELETE FROM tokens WHERE kind = 'session' AND user_id = ${userId} AND expires_at < now()`.execute(db)
  return token
}

export async function closeSession(db: Db, hash: Buffer): Promise<void> {
  await db.deleteFrom('tokens').where('hash', '=', hash).execute()
}

/** The live session of an active user; null when there is none. */
export async function findSession(db: Db, hash: Buffer): Promise<SessionRow | null> {
  const { rows } = await sql<SessionRow>`
    SELECT u.id AS "userId", u.username, u.display_name AS "displayName", u.admin FROM tokens t JOIN users u ON u.id = t.user_id
    WHERE t.hash = ${hash} AND t.kind = 'session' AND t.expires_at > now() AND u.active`.execute(db)
  return rows[0] ?? null
}

/** The allocation that this token speaks for, unless it is sealed or no longer the newest of its task (I3). */
export async function findAllocationToken(db: Db, hash: Buffer): Promise<AllocationTokenRow | null> {
  const { rows } = await sql<AllocationTokenRow>`
    SELECT a.id AS "allocationId", a.task_id AS "taskId", tr.id AS "trialId", k.experiment_id AS "experimentId", coalesce(e.owner_id, c.owner_id, 0) AS "ownerId"
    FROM tokens t JOIN allocations a ON a.id = t.allocation_id JOIN tasks k ON k.id = a.task_id
    LEFT JOIN trials tr ON tr.task_id = k.id LEFT JOIN experiments e ON e.id = k.experiment_id LEFT JOIN commands c ON c.task_id = k.id
    WHERE t.hash = ${hash} AND t.kind = 'allocation' AND a.state <> 'SEALED' AND a.epoch = k.epoch AND (t.expires_at IS NULL OR t.expires_at > now())`.execute(db)
  return rows[0] ?? null
}

const TICKET_PREFIX = 'ticket:'

/** A ticket opens one WebSocket. It is kept under another hash than a session, so that it can never serve as one. */
export async function openTicket(db: Db, userId: number, seconds: number): Promise<string> {
  const { token } = newToken()
  await db.insertInto('tokens').values({ hash: hashToken(TICKET_PREFIX + token), kind: 'session', user_id: userId, allocation_id: null, agent_id: null, expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` }).execute()
  return token
}

/** Spends the ticket: the second use finds nothing, on whichever master. */
export async function spendTicket(db: Db, ticket: string): Promise<SessionRow | null> {
  const { rows } = await sql<SessionRow>`
    WITH spent AS (DELETE FROM tokens WHERE hash = ${hashToken(TICKET_PREFIX + ticket)} RETURNING user_id, expires_at)
    SELECT u.id AS "userId", u.username, u.display_name AS "displayName", u.admin FROM spent s JOIN users u ON u.id = s.user_id WHERE s.expires_at > now() AND u.active`.execute(db)
  return rows[0] ?? null
}
