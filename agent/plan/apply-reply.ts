import type { Desired, HeartbeatReply } from '../../protocol/wire/heartbeat.ts'

/** The master's wish as last heard, kept over restarts. */
export interface HeldDesired {
  /** store incarnation; null before the first reply */
  store: string | null
  generation: number
  desired: readonly Desired[]
}

export const NOTHING_HELD: HeldDesired = { store: null, generation: 0, desired: [] }

export interface AppliedReply {
  held: HeldDesired
  changed: boolean
  /** a heartbeat must follow at once: the master has not seen what it needs */
  again: boolean
}

/**
 * Within one store an older generation is ignored (a late reply, a replay). Another store means that Postgres was
 * restored: generations start again there, so ours counts for nothing.
 */
export function applyReply(held: HeldDesired, reply: Exclude<HeartbeatReply, { kind: 'refused' }>): AppliedReply {
  const sameStore = held.store === reply.store
  if (reply.kind === 'same') {
    if (sameStore) return { held, changed: false, again: reply.needInventory }
    return { held: { ...held, store: reply.store, generation: 0 }, changed: true, again: true }
  }
  if (sameStore && reply.generation < held.generation) return { held, changed: false, again: reply.needInventory }
  const changed = !sameStore || reply.generation !== held.generation
  return { held: { store: reply.store, generation: reply.generation, desired: reply.desired }, changed, again: reply.needInventory }
}
