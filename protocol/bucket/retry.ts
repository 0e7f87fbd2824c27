import { backoffMs } from '../kit/backoff.ts'
import type { Clock } from '../kit/clock.ts'
import { BucketError } from './door.ts'

export interface RetryOptions {
  clock: Clock
  random: () => number
  /** tries of one request before the transient error is handed up */
  tries?: number
}

/** Tries again on `transient` and `throttled` with full jitter, at most `tries` (8) times and never after `signal`. */
export async function retry<T>(options: RetryOptions, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt()
    } catch (error) {
      const again = error instanceof BucketError && (error.kind === 'transient' || error.kind === 'throttled')
      if (!again || signal.aborted || tried >= (options.tries ?? 8)) throw error
      await options.clock.sleep(backoffMs(tried, options.random, { baseMs: 100, capMs: 5_000, floorMs: 20 }), signal)
    }
  }
}
