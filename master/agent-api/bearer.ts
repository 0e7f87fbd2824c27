import type { IncomingHttpHeaders } from 'node:http'
import { sql } from 'kysely'
import type { Db } from '../store/db.ts'
import { hashToken } from '../store/secrets.ts'

/** The agent whose token the request bears; null when it bears none that is valid. */
export async function agentOf(db: Db, headers: IncomingHttpHeaders): Promise<{ id: string; publicKey: string } | null> {
  const token = /^Bearer ([A-Za-z0-9_-]{20,256})$/.exec(headers.authorization ?? '')?.[1]
  if (token === undefined) return null
  const row = await db.selectFrom('tokens as t').innerJoin('agents as g', 'g.id', 't.agent_id').select(['g.id', 'g.public_key'])
    .where('t.hash', '=', hashToken(token)).where('t.kind', '=', 'agent').where('g.retired_at', 'is', null)
    .where((where) => where.or([where('t.expires_at', 'is', null), where('t.expires_at', '>', sql<Date>`now()`)])).executeTakeFirst()
  return row ? { id: row.id, publicKey: row.public_key } : null
}
