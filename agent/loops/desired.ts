import { Check } from 'typebox/value'
import Type from 'typebox'
import { Desired, type HeartbeatReply } from '../../protocol/wire/heartbeat.ts'
import type { Journal } from '../journal/door.ts'
import { applyReply, NOTHING_HELD, type HeldDesired } from '../plan/apply-reply.ts'

const KEY = 'desired'
const Stored = Type.Object({ store: Type.Union([Type.String(), Type.Null()]), generation: Type.Integer(), desired: Type.Array(Desired), retire: Type.Optional(Type.Union([Type.String(), Type.Null()])) })

/** The master's wish as last heard, in memory and in the journal: a restarted agent knows it before the master answers. */
export interface DesiredState {
  held(): HeldDesired
  /** Takes a reply in; `changed` when the plan may differ, `again` when a heartbeat must follow at once. */
  apply(reply: Exclude<HeartbeatReply, { kind: 'refused' }>): { changed: boolean; again: boolean }
}

export function openDesired(journal: Pick<Journal, 'getMeta' | 'setMeta'>): DesiredState {
  const stored: unknown = JSON.parse(journal.getMeta(KEY) ?? 'null')
  let held: HeldDesired = Check(Stored, stored) ? { ...stored, retire: stored.retire ?? null } : NOTHING_HELD
  return {
    held: () => held,
    apply: (reply) => {
      const applied = applyReply(held, reply)
      if (applied.changed) {
        held = applied.held
        journal.setMeta(KEY, JSON.stringify(held))
      }
      return { changed: applied.changed, again: applied.again }
    },
  }
}
