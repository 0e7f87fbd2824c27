import { sql } from 'kysely'
import type { EnrollRequest } from '../../protocol/wire/enroll.ts'
import { joinTokenHash } from '../identity/join-token.ts'
import { cleanText } from '../store/clean.ts'
import type { Db } from '../store/db.ts'
import { addEvents } from '../store/events.ts'
import { newToken } from '../store/secrets.ts'
import { refuseByLaunch } from './launch-join.ts'

export type Enrolled = { ok: true; agentToken: string } | { ok: false; status: 401 | 409 | 422 | 503; error: string }

/**
 * Makes the agent known, or knows it again by the same key. Another key under a known id is refused: whoever holds a
 * join token must not be able to take an agent's place.
 */
export function enrollAgent(db: Db, request: EnrollRequest, pools: readonly string[]): Promise<Enrolled> {
  return db.transaction().execute(async (tx): Promise<Enrolled> => {
    const join = await tx.selectFrom('join_tokens').select('launch_id').where('hash', '=', joinTokenHash(request.joinToken))
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', sql<Date>`now()`)])).executeTakeFirst()
    if (!join) {
      return { ok: false, status: 401, error: 'the join token is not valid here: take a new one from `drover-master join-token`' }
    }
    if (!pools.includes(request.pool)) return { ok: false, status: 422, error: `pool is ${JSON.stringify(request.pool)}, which this cluster does not have: set DROVER_POOL to one of ${pools.join(', ')}` }
    const refused = join.launch_id === null ? null : await refuseByLaunch(tx, join.launch_id, request)
    if (refused) return refused
    const fresh = await tx.insertInto('agents').values({
      id: request.agentId, pool: request.pool, hostname: cleanText(request.hostname), public_key: request.publicKey, version: cleanText(request.version), disabled_slots: '[]',
    }).onConflict((conflict) => conflict.column('id').doNothing()).executeTakeFirst()
    const known = await tx.selectFrom('agents').select(['public_key', 'retired_at']).where('id', '=', request.agentId).forUpdate().executeTakeFirstOrThrow()
    if (known.public_key !== request.publicKey) {
      return { ok: false, status: 409, error: `agent id ${request.agentId} is taken by an agent with another key: choose another DROVER_AGENT_ID, or give this agent back the state directory it enrolled with` }
    }
    await tx.updateTable('agents').set({ pool: request.pool, hostname: cleanText(request.hostname), version: cleanText(request.version), retired_at: null }).where('id', '=', request.agentId).execute()
    await tx.deleteFrom('tokens').where('agent_id', '=', request.agentId).where('kind', '=', 'agent').execute()
    const { token, hash } = newToken()
    await tx.insertInto('tokens').values({ hash, kind: 'agent', user_id: null, allocation_id: null, agent_id: request.agentId }).execute()
    const again = (fresh.numInsertedOrUpdatedRows ?? 0n) === 0n
    await addEvents(tx, [{ kind: 'agent-enrolled', agentId: request.agentId, text: `agent ${request.agentId} enrolled${again ? ' again' : ''} in pool ${request.pool}` }])
    return { ok: true, agentToken: token }
  })
}
