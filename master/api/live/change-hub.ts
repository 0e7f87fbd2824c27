import type { Clock } from '../../../protocol/kit/clock.ts'
import type { Feed } from '../deps.ts'

/** A reader that was woken for nothing looks again after this at the earliest, so that a busy cluster does not ask the database for each idle follower. */
export const IDLE_PAUSE_MS = 40

/**
 * Joins all followers to the feed. A follower notes the version, reads the database, and waits until the version has
 * moved on; so a change during the read is never missed. A lost notice costs at most the sweep.
 */
export interface ChangeHub {
  readonly version: () => number
  /** Resolves when the version differs from `seen`, after `sweepMs`, or when `signal` aborts; never rejects. */
  waitBeyond(seen: number, sweepMs: number, signal: AbortSignal): Promise<void>
  close(): void
}

export function createChangeHub(feed: Feed, clock: Clock): ChangeHub {
  let version = 0
  const waiting = new Set<AbortController>()
  const stop = feed.onChange(() => {
    version += 1
    for (const wait of waiting) wait.abort()
    waiting.clear()
  })
  return {
    version: () => version,
    async waitBeyond(seen, sweepMs, signal) {
      if (version !== seen || signal.aborted) return
      const wait = new AbortController()
      const give = (): void => wait.abort()
      waiting.add(wait)
      signal.addEventListener('abort', give)
      await clock.sleep(sweepMs, wait.signal)
      signal.removeEventListener('abort', give)
      waiting.delete(wait)
    },
    close: stop,
  }
}
