import { sql } from 'kysely'
import type { AllocationState } from '../../protocol/words/states.ts'
import { followMembers, noteDrained, noteExit } from '../store/allocations.ts'
import { addEvents, type NewEvent } from '../store/events.ts'
import type { Tx } from '../store/leader.ts'

interface Held {
  id: string
  state: AllocationState
  rank: number
  worldSize: number
  /** it still held its slots */
  held: boolean
  experimentId: number | null
  trialId: number | null
}

/**
 * The agent is lost: nothing more is awaited of its members and their slots are free, its tokens die, its instance is to
 * be ended. The epoch of each allocation lives on until its bucket is looked through (I2, I3). `decided` is asked under
 * the locks and gives the reason, or null when it is to be lost no more. False = nothing was written.
 */
export async function loseAgent(tx: Tx, agent: string, decided: () => Promise<string | null>): Promise<boolean> {
  const live = await lockLive(tx, agent)
  // the lock that a placement takes: what was placed there before it is seen below
  await sql`SELECT 1 FROM agents WHERE id = ${agent} FOR UPDATE`.execute(tx)
  const reason = await decided()
  const now = await loadLive(tx, agent)
  if (reason === null || now.some((one) => !live.includes(one.id))) return false
  const events: NewEvent[] = []
  for (const one of now) events.push(await loseMember(tx, agent, one, reason))
  await dropTokens(tx, agent)
  await tx.updateTable('agents').set({ lost_at: sql<Date>`now()` }).where('id', '=', agent).execute()
  const ended = await endInstance(tx, agent, reason)
  events.push({
    kind: 'agent-lost', agentId: agent, instanceId: ended.known ? agent : null,
    text: `agent ${agent} is lost: ${reason}${ended.ending ? '; its instance is ended' : ''}`, data: { allocations: now.map((one) => one.id) },
  })
  await addEvents(tx, events)
  return true
}

async function loseMember(tx: Tx, agent: string, one: Held, reason: string): Promise<NewEvent> {
  const who = one.worldSize > 1 ? `rank ${one.rank}: agent ${agent}` : `agent ${agent}`
  await tx.updateTable('allocation_members').set({ lost: true, drained: true, state: 'DRAINING' }).where('allocation_id', '=', one.id).where('rank', '=', one.rank).execute()
  if (one.held) {
    await noteExit(tx, one.id, { kind: 'lost', code: null, text: `${who} was lost: ${reason}`, oomKilled: false, at: null })
  }
  // it may have been looked through for a member that was lost before this one
  await tx.updateTable('allocations').set({ adopted: false }).where('id', '=', one.id).execute()
  await followMembers(tx, one.id, one.state)
  await noteDrained(tx, one.id)
  const then = one.held ? 'what it uploaded is looked for, then the run goes again' : 'its container had ended before, what it uploaded is looked for'
  return {
    kind: 'allocation-lost', allocationId: one.id, experimentId: one.experimentId, trialId: one.trialId, agentId: agent,
    text: `allocation ${one.id} lost ${who} (${reason}): ${then}`, data: { rank: one.rank, held: one.held },
  }
}

/** Locks them in the order of their ids. */
async function lockLive(tx: Tx, agent: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`SELECT a.id FROM allocations a JOIN allocation_members m ON m.allocation_id = a.id
    WHERE m.agent_id = ${agent} AND NOT m.lost AND a.state <> 'SEALED' ORDER BY a.id FOR UPDATE OF a`.execute(tx)
  return rows.map((row) => row.id)
}

async function loadLive(tx: Tx, agent: string): Promise<Held[]> {
  const { rows } = await sql<Held>`
    SELECT a.id, a.state, m.rank, m.state NOT IN ('DRAINING', 'SEALED') AS held, t.experiment_id AS "experimentId", tr.id AS "trialId",
      (SELECT count(*)::int FROM allocation_members w WHERE w.allocation_id = a.id) AS "worldSize"
    FROM allocations a JOIN allocation_members m ON m.allocation_id = a.id JOIN tasks t ON t.id = a.task_id LEFT JOIN trials tr ON tr.task_id = t.id
    WHERE m.agent_id = ${agent} AND NOT m.lost AND a.state <> 'SEALED' ORDER BY a.id, m.rank`.execute(tx)
  return rows
}

/**
 * Its containers may ask for nothing more. An agent whose instance is ended never comes back; a machine of its own may,
 * and keeps its own token: it is heard again by its first heartbeat, or could renew nothing.
 */
async function dropTokens(tx: Tx, agent: string): Promise<void> {
  await sql`DELETE FROM tokens t WHERE t.agent_id = ${agent} AND (t.kind = 'allocation' OR EXISTS (SELECT 1 FROM instances i WHERE i.id = ${agent}))`.execute(tx)
}

async function endInstance(tx: Tx, agent: string, reason: string): Promise<{ known: boolean; ending: boolean }> {
  const instance = await tx.selectFrom('instances').select('state').where('id', '=', agent).forUpdate().executeTakeFirst()
  if (instance === undefined || instance.state === 'GONE') return { known: instance !== undefined, ending: false }
  if (instance.state !== 'TERMINATING') {
    await tx.updateTable('instances').set({ state: 'TERMINATING', terminating_at: sql<Date>`now()`, state_reason: `its agent is lost: ${reason}` }).where('id', '=', agent).execute()
  }
  return { known: true, ending: true }
}
