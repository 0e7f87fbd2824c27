import type { Desired, HeartbeatReply } from '../../protocol/wire/heartbeat.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'

/** The master's wish as last heard, kept over restarts. */
export interface HeldDesired {
  /** store incarnation; null before the first reply */
  store: string | null
  generation: number
  desired: readonly Desired[]
  /** why the instance goes: nothing more is accepted; null = it stays */
  retire: string | null
}

export const NOTHING_HELD: HeldDesired = { store: null, generation: 0, desired: [], retire: null }

export interface AppliedReply {
  held: HeldDesired
  changed: boolean
  /** a heartbeat must follow at once: the master has not seen what it needs */
  again: boolean
}

/**
 * Within one store an older generation is ignored (a late reply, a replay). Another store means that Postgres was
 * restored: generations start again there, so ours counts for nothing. The list may be newer than its number (the master
 * adds what must be discarded), so within one generation the newest is taken; a retirement then stands, and only a newer
 * generation or another store takes it back.
 */
export function applyReply(held: HeldDesired, reply: Exclude<HeartbeatReply, { kind: 'refused' }>): AppliedReply {
  const sameStore = held.store === reply.store
  if (reply.kind === 'same') {
    if (sameStore) return { held, changed: false, again: reply.needInventory }
    return { held: { ...held, store: reply.store, generation: 0 }, changed: true, again: true }
  }
  if (sameStore && reply.generation < held.generation) return { held, changed: false, again: reply.needInventory }
  const retire = reply.retire ?? (sameStore && reply.generation === held.generation ? held.retire : null)
  const next: HeldDesired = { store: reply.store, generation: reply.generation, desired: reply.desired, retire }
  return { held: next, changed: canonicalJson(next) !== canonicalJson(held), again: reply.needInventory }
}
