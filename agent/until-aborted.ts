import { backoffMs } from '../protocol/kit/backoff.ts'
import type { Clock } from '../protocol/kit/clock.ts'
import type { Log } from '../protocol/kit/log.ts'

/** Tries `body` until it succeeds or `signal` aborts: for what must be done before the loops may start. */
export async function untilAborted(body: () => Promise<void>, deps: { clock: Clock; random: () => number; log: Log; signal: AbortSignal }): Promise<void> {
  for (let tried = 1; !deps.signal.aborted; tried += 1) {
    try {
      return await body()
    } catch (error) {
      deps.log.warn({ err: error, tried }, 'start-up step failed, will be tried again')
      await deps.clock.sleep(backoffMs(tried, deps.random, { baseMs: 200, capMs: 5_000, floorMs: 50 }), deps.signal)
    }
  }
}
