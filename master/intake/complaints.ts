import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'

/** Counts bad messages and logs each agent at most once a minute, so that a broken one cannot flood the log. */
export interface Complaints {
  add(agent: string, reason: string): void
}

const QUIET_MS = 60_000
const AGENTS_MAX = 10_000

export function createComplaints(deps: { log: Log; clock: Clock }): Complaints {
  const seen = new Map<string, { count: number; loggedMs: number }>()
  return {
    add(agent, reason) {
      const now = deps.clock.monotonicMs()
      const entry = seen.get(agent) ?? { count: 0, loggedMs: Number.NEGATIVE_INFINITY }
      entry.count += 1
      if (now - entry.loggedMs >= QUIET_MS) {
        deps.log.warn({ agent, reason, count: entry.count }, 'an agent sent a message that was refused')
        entry.loggedMs = now
        entry.count = 0
      }
      if (seen.size < AGENTS_MAX) seen.set(agent, entry)
    },
  }
}
