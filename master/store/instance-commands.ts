import { sql } from 'kysely'
import { cleanText } from './clean.ts'
import type { CommandResult } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'
import { raiseGenerations } from './allocations.ts'
import type { Tx } from './leader.ts'

/**
 * A person retires an instance: READY -> RETIRING, as the scale loop does it. The agent's row is locked first, as the
 * scheduler locks it, so that no work can be placed between the look and the mark; live allocations refuse it (I8).
 */
export function retireInstance(db: Db, id: string, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    await sql`SELECT 1 FROM agents WHERE id = ${id} FOR UPDATE`.execute(tx)
    const instance = await tx.selectFrom('instances').select(['state', 'pool']).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!instance) return { kind: 'not-found' }
    if (instance.state === 'RETIRING' || instance.state === 'TERMINATING') return { kind: 'done' }
    if (instance.state === 'GONE') return { kind: 'conflict', message: `instance ${id} is GONE: EC2 has ended it, nothing is paid any more` }
    if (instance.state === 'STARTING') return { kind: 'conflict', message: `instance ${id} is STARTING: wait until its agent has registered; one that never does is ended by itself` }
    const live = await liveOn(tx, id)
    if (live.length > 0) return { kind: 'conflict', message: `instance ${id} holds ${live.join(', ')}: pause or kill what runs there, or give it no more work first (drover agent disable ${id} --drain)` }
    const reason = cleanText(`retired by ${by}`)
    await tx.updateTable('instances').set({ state: 'RETIRING', state_reason: reason, retiring_at: sql<Date>`now()` }).where('id', '=', id).execute()
    await tx.updateTable('agents').set({ retiring: reason }).where('id', '=', id).execute()
    await raiseGenerations(tx, [id])
    await addEvents(tx, [{ kind: 'instance-retiring', instanceId: id, agentId: id, pool: instance.pool, text: `instance ${id} was ${reason}: its agent is asked to drain, then EC2 ends it` }])
    return { kind: 'done' }
  })
}

/** A statement of its own: its snapshot is newer than the lock. */
async function liveOn(tx: Tx, agent: string): Promise<string[]> {
  const rows = await tx.selectFrom('allocation_members as m').innerJoin('allocations as a', 'a.id', 'm.allocation_id').select('a.id')
    .where('m.agent_id', '=', agent).where('m.lost', '=', false).where('a.state', '<>', 'SEALED').orderBy('a.id').execute()
  return [...new Set(rows.map((row) => row.id))]
}
