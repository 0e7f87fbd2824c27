import { backoffMs } from '../kit/backoff.ts'
import type { Clock } from '../kit/clock.ts'
import type { BucketError } from './door.ts'
import { isRetryable, s3Error } from './s3-errors.ts'

export interface Retry {
  clock: Clock
  random: () => number
}

export interface RetryOptions {
  /** what is tried, for the error: `put s3://bucket/key` */
  what: string
  signal: AbortSignal
  /** Infinity: until the signal */
  attempts: number
  onRetry?: ((error: BucketError) => void) | undefined
}

/** Runs `attempt` until it succeeds, fails for good, has used up its attempts or `signal` aborts (then throws its reason). */
export async function retried<T>(retry: Retry, options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    options.signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      options.signal.throwIfAborted()
      const named = s3Error(error, options.what)
      if (!isRetryable(named) || count >= options.attempts) throw named
      options.onRetry?.(named)
      await retry.clock.sleep(backoffMs(count, retry.random, { baseMs: 100, capMs: 10_000, floorMs: 50 }), options.signal)
    }
  }
}
