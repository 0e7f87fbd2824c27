import { sql } from 'kysely'
import type { Closing, Desired, Heartbeat, HeartbeatReply, Inventory, Peer } from '../../protocol/wire/heartbeat.ts'
import type { Want } from '../../protocol/words/states.ts'
import type { LoopName } from '../../protocol/wire/subjects.ts'
import { cleanText, toJsonb } from '../store/clean.ts'
import type { Db } from '../store/db.ts'
import { addEvents } from '../store/events.ts'
import type { Presence } from './presence.ts'

export interface HeartbeatDeps {
  db: Db
  /** names this database; agents start anew when it changes */
  incarnation: string
  presence: Presence
  wake: (loop: LoopName) => void
}

interface AgentState {
  generation: number
  hash: string
  silent: boolean
  lost: boolean
  /** its instance is being ended, or is: whatever speaks there is refused. Null = it is not */
  ended: string | null
  retiring: string | null
  drained: boolean
  /** allocations it holds that are sealed, unknown or another's */
  stale: string[]
}

/**
 * Answers one heartbeat: `same`, or the whole desired state. Times of ordinary heartbeats are written once a second
 * for all agents; a new inventory or a return from silence is written at once.
 */
export async function takeHeartbeat(deps: HeartbeatDeps, agent: string, beat: Heartbeat): Promise<HeartbeatReply> {
  const store = deps.incarnation
  if (beat.inventory) await storeInventory(deps, agent, beat, beat.inventory)
  const state = await loadState(deps.db, agent)
  if (!state) return { v: 1, kind: 'refused', store, error: `agent ${agent} is not enrolled here: enrol it with a join token` }
  if (state.ended !== null) return { v: 1, kind: 'refused', store, error: `agent ${agent} is retired, its instance is ${state.ended}: stop` }
  if (state.silent || state.lost) await comeBack(deps, agent, beat)
  if (beat.drained && state.retiring !== null && !state.drained) await noteDrained(deps, agent)
  deps.presence.note(agent, beat.outbox)
  const needInventory = state.hash !== beat.inventoryHash
  if (beat.have === state.generation && beat.store === store && state.stale.length === 0) return { v: 1, kind: 'same', store, needInventory }
  // the generation was read first: at worst the list is newer than its number and comes once more
  const desired = [...(await loadDesired(deps.db, agent)), ...state.stale.map((alloc): Desired => ({ alloc, want: 'discard', reason: 'sealed, or not of this agent' }))]
  return { v: 1, kind: 'desired', store, needInventory, generation: state.generation, desired, ...(state.retiring === null ? {} : { retire: state.retiring.slice(0, 512) }) }
}

async function loadState(db: Db, agent: string): Promise<AgentState | undefined> {
  const { rows } = await sql<AgentState>`
    SELECT g.generation, g.retiring, g.drained, g.lost_at IS NOT NULL AS lost, (SELECT i.state FROM instances i WHERE i.id = g.id AND i.state IN ('TERMINATING', 'GONE')) AS ended, g.inventory_hash AS hash, coalesce(g.seen_at < clock_timestamp() - interval '30 seconds', true) AS silent,
      coalesce((SELECT array_agg(h->>'alloc' ORDER BY h->>'alloc') FROM jsonb_array_elements(g.inventory->'held') h
        WHERE NOT EXISTS (SELECT 1 FROM allocations a JOIN allocation_members m ON m.allocation_id = a.id AND m.agent_id = g.id WHERE a.id = h->>'alloc' AND a.state <> 'SEALED')), '{}') AS stale
    FROM agents g WHERE g.id = ${agent} AND g.retired_at IS NULL`.execute(db)
  return rows[0]
}

async function loadDesired(db: Db, agent: string): Promise<Desired[]> {
  const { rows } = await sql<{ id: string; want: Want; reason: string; spec: string; peers: Peer[] | null; close: Closing[] | null }>`
    SELECT a.id, a.want, a.want_reason AS reason, m.spec_digest AS spec,
      (SELECT jsonb_agg(jsonb_build_object('rank', p.rank, 'address', p.address, 'port', p.port) ORDER BY p.rank) FROM allocation_members p
        WHERE p.allocation_id = a.id HAVING count(*) > 1 AND bool_and(p.address IS NOT NULL)) AS peers,
      (SELECT jsonb_agg(jsonb_build_object('uuid', c.uuid, 'ordinal', c.ordinal, 'steps', c.steps) ORDER BY c.declared_at, c.uuid) FROM (
        SELECT * FROM checkpoints c WHERE c.allocation_id = a.id AND c.state = 'ACTIVE' AND c.parts IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM checkpoint_parts q WHERE q.uuid = c.uuid AND q.rank = m.rank) ORDER BY c.declared_at, c.uuid LIMIT 256) c) AS close
    FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
    WHERE m.agent_id = ${agent} AND a.state <> 'SEALED' AND NOT m.lost ORDER BY a.id`.execute(db)
  return rows.map((row) => ({ alloc: row.id, want: row.want, spec: row.spec, ...(row.reason === '' ? {} : { reason: row.reason.slice(0, 512) }), ...(row.peers === null ? {} : { peers: row.peers }), ...(row.close === null ? {} : { close: row.close }) }))
}

/** The answer to `retire`: taken only while the instance is retiring, under the lock that a placement would take. */
async function noteDrained(deps: HeartbeatDeps, agent: string): Promise<void> {
  await deps.db.updateTable('agents').set({ drained: true }).where('id', '=', agent).where('retiring', 'is not', null).execute()
  deps.wake('scale')
}

async function storeInventory(deps: HeartbeatDeps, agent: string, beat: Heartbeat, inventory: Inventory): Promise<void> {
  await sql`UPDATE agents SET inventory = ${toJsonb(inventory)}::jsonb, inventory_hash = ${beat.inventoryHash}, hostname = ${cleanText(inventory.hostname)}, version = ${cleanText(inventory.version)},
    inc = greatest(inc, ${beat.inc}) WHERE id = ${agent} AND inventory_hash IS DISTINCT FROM ${beat.inventoryHash}`.execute(deps.db)
  deps.wake('schedule')
  deps.wake('scale')
  deps.wake('feed')
}

async function comeBack(deps: HeartbeatDeps, agent: string, beat: Heartbeat): Promise<void> {
  await deps.db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ before: Date | null; lost: boolean }>`
      WITH old AS (SELECT id, seen_at, lost_at FROM agents WHERE id = ${agent} FOR UPDATE)
      UPDATE agents g SET seen_at = clock_timestamp(), outbox = ${beat.outbox}, lost_at = NULL FROM old
      WHERE g.id = old.id AND (old.lost_at IS NOT NULL OR coalesce(old.seen_at < clock_timestamp() - interval '30 seconds', true)) RETURNING old.seen_at AS before, old.lost_at IS NOT NULL AS lost`.execute(tx)
    const row = rows[0]
    if (!row) return
    const text = row.lost ? `agent ${agent} was lost and is heard again: it takes work anew, what it held is over` : row.before === null ? `agent ${agent} reported for the first time` : `agent ${agent} is heard again, last before that ${row.before.toISOString()}`
    await addEvents(tx, [{ kind: 'agent-connected', agentId: agent, text }])
  })
  deps.wake('schedule')
  deps.wake('feed')
}
