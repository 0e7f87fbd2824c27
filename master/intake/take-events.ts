import { sql } from 'kysely'
import type { Log } from '../../protocol/kit/log.ts'
import type { AgentEvent, EventBatch } from '../../protocol/wire/events.ts'
import type { LoopName } from '../../protocol/wire/subjects.ts'
import { cleanText, toJsonb } from '../store/clean.ts'
import type { Db } from '../store/db.ts'
import { isTransient } from '../store/failures.ts'
import type { Tx } from '../store/leader.ts'
import { applyEvent } from './effects/apply.ts'
import { lockAllocations, type ClusterFacts, type EffectContext } from './effects/context.ts'
import { flushEffects } from './effects/flush.ts'
import { checkEvent } from './validate.ts'

/** An entry that fails so often goes raw to `dead_events` and the cursor moves on, with an alarm. */
export const FAILURES_MAX = 5
const STREAM = 'evt'

export interface EventDeps {
  db: Db
  log: Log
  cluster: ClusterFacts
  wake: (loop: LoopName) => void
  /** "heartbeat now" */
  poke: (agents: readonly string[]) => void
}

/**
 * Applies what follows the cursor of (agent, inc), all in one transaction; where that fails, one by one, so that a bad
 * entry keeps no good one from its turn for ever. Returns the highest seq committed. Throws only for transient faults.
 */
export async function takeEvents(deps: EventDeps, agent: string, batch: EventBatch): Promise<number> {
  try {
    return await applyFollowing(deps, agent, batch, batch.events.length)
  } catch (error) {
    if (isTransient(error)) throw error
    deps.log.warn({ agent, inc: batch.inc, err: error }, 'a group of events failed, they are applied one by one')
  }
  for (;;) {
    const before = await cursorOf(deps.db, agent, batch.inc)
    const after = await applyOne(deps, agent, batch)
    if (after === before) return after
  }
}

/** One entry; a permanent failure is counted, and at last the entry is laid aside. Returns the cursor after it. */
async function applyOne(deps: EventDeps, agent: string, batch: EventBatch): Promise<number> {
  try {
    return await applyFollowing(deps, agent, batch, 1)
  } catch (error) {
    if (isTransient(error)) throw error
    return countFailure(deps, agent, batch, error)
  }
}

function applyFollowing(deps: EventDeps, agent: string, batch: EventBatch, limit: number): Promise<number> {
  return deps.db.transaction().execute(async (tx) => {
    const last = await lockCursor(tx, agent, batch.inc)
    const following = followersOf(batch.events, last).slice(0, limit).map(parsed)
    if (following.length === 0) return { applied: last, wakes: [], pokes: [] }
    const context: EffectContext = {
      tx, agent, cluster: deps.cluster, events: [], wakes: new Set<LoopName>(['feed']), raise: new Set(),
      allocations: await lockAllocations(tx, agent, [...new Set(following.flatMap((event) => ('alloc' in event ? [event.alloc] : [])))].sort()),
    }
    for (const event of following) await applyEvent(context, event)
    const applied = last + following.length
    await tx.updateTable('cursors').set({ seq: applied, failures: 0 }).where('agent_id', '=', agent).where('inc', '=', batch.inc).where('stream', '=', STREAM).execute()
    await flushEffects(context)
    return { applied, wakes: [...context.wakes], pokes: [...context.raise] }
  }).then(({ applied, wakes, pokes }) => {
    for (const loop of wakes) deps.wake(loop)
    deps.poke(pokes)
    return applied
  })
}

/** Entries that follow the cursor without a gap. What was applied already is skipped; after a gap nothing is taken. */
export function followersOf(entries: readonly unknown[], last: number): unknown[] {
  const following: unknown[] = []
  let next = last + 1
  for (const [index, entry] of entries.entries()) {
    const seq = seqOf(entry) ?? inferredSeq(entries, index)
    if (seq === null || seq < next) continue
    if (seq > next) break
    following.push(entry)
    next += 1
  }
  return following
}

function seqOf(entry: unknown): number | null {
  if (typeof entry !== 'object' || entry === null || !('seq' in entry)) return null
  return Number.isSafeInteger(entry.seq) ? Number(entry.seq) : null
}

/** An entry without a readable seq stands where its neighbour says. */
function inferredSeq(entries: readonly unknown[], index: number): number | null {
  for (let at = 0; at < entries.length; at += 1) {
    const seq = seqOf(entries[at])
    if (seq !== null) return seq + (index - at)
  }
  return null
}

function parsed(entry: unknown): AgentEvent {
  const checked = checkEvent(entry)
  if (!checked.ok) throw new Error(`malformed event: ${checked.error}`)
  return checked.value
}

async function lockCursor(tx: Tx, agent: string, inc: number): Promise<number> {
  await tx.insertInto('cursors').values({ agent_id: agent, inc, stream: STREAM, seq: 0 }).onConflict((c) => c.columns(['agent_id', 'inc', 'stream']).doNothing()).execute()
  const row = await tx.selectFrom('cursors').select('seq').where('agent_id', '=', agent).where('inc', '=', inc).where('stream', '=', STREAM).forUpdate().executeTakeFirstOrThrow()
  return row.seq
}

async function cursorOf(db: Db, agent: string, inc: number): Promise<number> {
  const row = await db.selectFrom('cursors').select('seq').where('agent_id', '=', agent).where('inc', '=', inc).where('stream', '=', STREAM).executeTakeFirst()
  return row?.seq ?? 0
}

function countFailure(deps: EventDeps, agent: string, batch: EventBatch, error: unknown): Promise<number> {
  return deps.db.transaction().execute(async (tx) => {
    const last = await lockCursor(tx, agent, batch.inc)
    const [entry] = followersOf(batch.events, last)
    if (entry === undefined) return last
    const { failures } = await tx.updateTable('cursors').set({ failures: sql`failures + 1` })
      .where('agent_id', '=', agent).where('inc', '=', batch.inc).where('stream', '=', STREAM).returning('failures').executeTakeFirstOrThrow()
    if (failures < FAILURES_MAX) return last
    const text = cleanText(error instanceof Error ? error.message : String(error)).slice(0, 4096)
    await tx.insertInto('dead_events').values({ agent_id: agent, inc: batch.inc, stream: STREAM, seq: last + 1, raw: toJsonb(entry), error: text }).execute()
    await tx.updateTable('cursors').set({ seq: last + 1, failures: 0 }).where('agent_id', '=', agent).where('inc', '=', batch.inc).where('stream', '=', STREAM).execute()
    deps.log.error({ agent, inc: batch.inc, seq: last + 1, reason: text }, 'an event failed too often and was laid aside in dead_events')
    return last + 1
  })
}
