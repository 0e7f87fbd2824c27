import type { Clock } from '../../protocol/kit/clock.ts'

/** Calls a second and how many may come at once, per action as EC2 counts them; about half of what AWS gives an account, which is not ours alone. */
const RATES: Readonly<Record<string, { perSecond: number; burst: number }>> = {
  RunInstances: { perSecond: 1, burst: 5 },
  TerminateInstances: { perSecond: 2.5, burst: 50 },
}
const OTHER = { perSecond: 10, burst: 50 }
/** after EC2 said that it was too much */
const REST_MS = 2_000

/** A token bucket for each action, so that the herd throttles itself before EC2 throttles the whole account. */
export interface Throttle {
  /** Waits for a token; returns early when `signal` aborts. */
  take(action: string, signal: AbortSignal): Promise<void>
  /** EC2 refused: the bucket is empty for a while. */
  empty(action: string): void
}

export function createThrottle(clock: Clock): Throttle {
  // when a bucket will have been refilled, were nothing more taken
  const fullAt = new Map<string, number>()

  return {
    async take(action, signal) {
      const { perSecond, burst } = RATES[action] ?? OTHER
      const now = clock.monotonicMs()
      const tokenMs = 1_000 / perSecond
      const full = Math.max(fullAt.get(action) ?? now, now) + tokenMs
      fullAt.set(action, full)
      const waitMs = full - burst * tokenMs - now
      if (waitMs > 0) await clock.sleep(waitMs, signal)
    },
    empty(action) {
      const { perSecond, burst } = RATES[action] ?? OTHER
      const empty = clock.monotonicMs() + REST_MS + ((burst - 1) * 1_000) / perSecond
      fullAt.set(action, Math.max(fullAt.get(action) ?? 0, empty))
    },
  }
}
