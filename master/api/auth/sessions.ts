import { findSession, type SessionRow } from '../../store/queries/sessions.ts'
import type { Clock } from '../../../protocol/kit/clock.ts'
import type { Db } from '../../store/db.ts'
import { hashToken } from '../../store/secrets.ts'

/** A session is asked of the database once in so long: a script that submits hundreds of experiments a second is one session. */
const KNOWN_MS = 1_000
const KNOWN_MAX = 10_000

/**
 * Sessions of people by their token. What this master changes itself it forgets at once (`forget`); a session that another master ended, or
 * whose user it deactivated, is known here for a second longer.
 */
export interface Sessions {
  find(token: string): Promise<{ session: SessionRow; hash: Buffer } | null>
  forget(): void
}

interface Known {
  session: SessionRow
  hash: Buffer
  untilMs: number
}

export function createSessions(db: Db, clock: Clock): Sessions {
  const known = new Map<string, Known>()
  /** grows with each change: what was asked before it is not kept */
  let turn = 0

  return {
    async find(token) {
      const seen = known.get(token)
      if (seen !== undefined && seen.untilMs > clock.monotonicMs()) return seen
      const asked = turn
      const hash = hashToken(token)
      const session = await findSession(db, hash)
      known.delete(token)
      if (session === null) return null
      const found: Known = { session, hash, untilMs: clock.monotonicMs() + KNOWN_MS }
      if (known.size >= KNOWN_MAX) known.clear()
      if (asked === turn) known.set(token, found)
      return found
    },
    forget() {
      turn += 1
      known.clear()
    },
  }
}
