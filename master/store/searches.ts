import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { search } from '../search/search.ts'
import type { SearchAction, SearchEvent, SearchState } from '../search/words.ts'
import { toJsonb } from './clean.ts'
import type { Tx } from './leader.ts'

/** Below so many events a snapshot is not worth its bytes; above, one is written when as many events came as there are trials. */
export const SNAPSHOT_EVENTS_MIN = 1_000
const KEPT_MAX = 64

/**
 * States of this process, by experiment, newest last. One counts only where its token is that of the row, which is
 * locked: after a rollback, or when another master decided, no token fits and the state is made anew from the tables.
 */
const kept = new Map<number, { token: string; state: SearchState }>()

interface Row {
  token: string
  seq: number
  snapshot_seq: number
}

/**
 * Tells a search what happened and stores it in the transaction of what happened. Returns what follows, null where the
 * experiment has no search (single). Takes the lock of the search's row: after trials and experiments, before agents.
 */
export async function advanceSearch(tx: Tx, experimentId: number, events: readonly SearchEvent[]): Promise<SearchAction[] | null> {
  const row = await tx.selectFrom('searches').select(['token', 'seq', 'snapshot_seq']).where('experiment_id', '=', experimentId).forUpdate().executeTakeFirst()
  if (!row) return null
  const state = await stateOf(tx, experimentId, row)
  const telling = events.filter((event) => state.live[event.trial] !== undefined)
  if (telling.length === 0) return []
  const token = randomUUID()
  kept.delete(experimentId)
  const actions = telling.flatMap((event) => search(state, event).actions)
  await store(tx, experimentId, row, token, telling, state)
  if (!state.over) keep(experimentId, token, state)
  return actions
}

async function stateOf(tx: Tx, experimentId: number, row: Row): Promise<SearchState> {
  const held = kept.get(experimentId)
  if (held?.token === row.token) return held.state
  const state = await loadSearch(tx, experimentId)
  keep(experimentId, row.token, state)
  return state
}

/** Forgets what this process knows: the next event finds what a new master would. For tests. */
export function forgetSearches(): void {
  kept.clear()
}

/** The state made from the tables alone. */
export async function loadSearch(tx: Tx, experimentId: number): Promise<SearchState> {
  const { snapshot, snapshot_seq } = await tx.selectFrom('searches').select(['snapshot', 'snapshot_seq']).where('experiment_id', '=', experimentId).executeTakeFirstOrThrow()
  const events = await tx.selectFrom('search_events').select('event').where('experiment_id', '=', experimentId).where('seq', '>', snapshot_seq).orderBy('seq').execute()
  for (const { event } of events) search(snapshot, event)
  return snapshot
}

async function store(tx: Tx, experimentId: number, row: Row, token: string, events: readonly SearchEvent[], state: SearchState): Promise<void> {
  const seq = row.seq + events.length
  const due = state.over || seq - row.snapshot_seq >= Math.max(SNAPSHOT_EVENTS_MIN, state.created)
  if (!due) {
    await sql`WITH added AS (
        INSERT INTO search_events (experiment_id, seq, event) SELECT ${experimentId}, ${row.seq}::bigint + n, event FROM jsonb_array_elements(${toJsonb(events)}::jsonb) WITH ORDINALITY AS e (event, n)
      ) UPDATE searches SET token = ${token}::uuid, seq = ${seq} WHERE experiment_id = ${experimentId}`.execute(tx)
    return
  }
  await sql`WITH removed AS (DELETE FROM search_events WHERE experiment_id = ${experimentId})
    UPDATE searches SET token = ${token}::uuid, seq = ${seq}, snapshot_seq = ${seq}, snapshot = ${JSON.stringify(state)}::json WHERE experiment_id = ${experimentId}`.execute(tx)
}

function keep(experimentId: number, token: string, state: SearchState): void {
  kept.delete(experimentId)
  kept.set(experimentId, { token, state })
  const [oldest] = kept.keys()
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest)
}
