import { sql } from 'kysely'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Db } from '../store/db.ts'

const PROBE_MS = 1_000
/** Without an answer for longer it was away, or the process stood still. */
const AWAY_MS = 5_000

export interface Health {
  up(): boolean
  /** for so long it has answered without a break; 0 while it does not */
  upForMs(): number
  ended: Promise<void>
}

/** Whether Postgres answers, asked once a second. */
export function startHealth(deps: { db: Db; log: Log; clock: Clock; random: () => number; signal: AbortSignal }): Health {
  let up = false
  let upSince = 0
  let answeredAt = Number.NEGATIVE_INFINITY
  const loop = startLoop({
    name: 'health', sweepMs: PROBE_MS, capMs: PROBE_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      try {
        await sql`SELECT 1`.execute(deps.db)
        const now = deps.clock.monotonicMs()
        if (!up || now - answeredAt > AWAY_MS) upSince = now
        answeredAt = now
        up = true
      } catch (error) {
        up = false
        throw error
      }
    },
  })
  return {
    up: () => up,
    upForMs() {
      const now = deps.clock.monotonicMs()
      return !up || now - answeredAt > AWAY_MS ? 0 : now - upSince
    },
    ended: loop.ended,
  }
}
