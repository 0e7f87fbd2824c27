import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Db } from '../store/db.ts'
import { acquireLeader, LEADER_TTL_SECONDS, releaseLeader } from '../store/leader.ts'

/** Keeps trying to hold the leader row. `epoch()` is a hint that saves work; the transactions themselves check. */
export interface Leadership {
  epoch(): number | null
  /** Gives the row up; resolves when done. Call after the deciding loops have ended. */
  release(): Promise<void>
  ended: Promise<void>
}

export interface LeadershipDeps {
  db: Db
  holder: string
  log: Log
  clock: Clock
  random: () => number
  signal: AbortSignal
  onElected: () => void
}

export function startLeadership(deps: LeadershipDeps): Leadership {
  let held: { epoch: number; untilMs: number } | null = null
  /** what the log said last: one that stood still for longer than its lease is no leader any more before it looks */
  let told: number | null = null
  const epoch = (): number | null => (held && deps.clock.monotonicMs() < held.untilMs ? held.epoch : null)
  const loop = startLoop({
    name: 'leader', sweepMs: (LEADER_TTL_SECONDS * 1000) / 4, capMs: 1_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      const askedMs = deps.clock.monotonicMs()
      const before = epoch()
      const now = await acquireLeader(deps.db, deps.holder)
      held = now === null ? null : { epoch: now, untilMs: askedMs + LEADER_TTL_SECONDS * 1000 }
      if (now !== told) deps.log.info({ epoch: now }, now === null ? 'another master decides' : 'this master decides')
      told = now
      if (now !== null && now !== before) deps.onElected()
    },
  })
  return {
    epoch,
    ended: loop.ended,
    async release() {
      held = null
      await releaseLeader(deps.db, deps.holder)
    },
  }
}
