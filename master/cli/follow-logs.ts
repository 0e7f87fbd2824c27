import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Client, Query } from './client.ts'
import { isUnreachable } from './fail.ts'
import type { TrialLog } from './shapes.ts'

export interface FollowLogsOptions {
  client: Client
  trialId: number
  query: Query
  /** id of the last line that is known already */
  after?: number
  /** called for each line, in the order of the line ids, each once */
  onLine: (entry: TrialLog) => void
  /** told when the master is lost (true) and when it is back (false) */
  onLost?: (lost: boolean) => void
  /** ends the following: what is committed by then is still fetched */
  enough: AbortSignal
  /** ends it at once */
  signal: AbortSignal
  clock: Clock
  random: () => number
}

/**
 * Lines of a trial to its end. A lost stream is opened again for as long as it takes; the line ids tell what was
 * seen, so nothing is lost or doubled (I11). Resolves when the master ends the stream of an ended trial, or after
 * `enough` with everything committed by then.
 */
export async function followLogs(options: FollowLogsOptions): Promise<void> {
  const { client, enough, signal, clock } = options
  let last = options.after ?? -1
  let failures = 0
  let lost = false

  async function read(follow: boolean): Promise<void> {
    const stop = follow ? AbortSignal.any([enough, signal]) : signal
    const path = `/api/v1/trials/${options.trialId}/logs`
    for await (const entry of client.stream<TrialLog>(path, { ...options.query, follow, ...(last >= 0 ? { after: last } : {}) }, stop)) {
      const id = Number(entry.id)
      if (Number.isFinite(id) && id <= last) continue
      last = Number.isFinite(id) ? id : last
      failures = 0
      tell(false)
      options.onLine(entry)
    }
  }

  function tell(now: boolean): void {
    if (now === lost) return
    lost = now
    options.onLost?.(now)
  }

  for (;;) {
    const follow = !enough.aborted
    try {
      await read(follow)
      tell(false)
      return
    } catch (error) {
      if (signal.aborted) throw error
      // Aborted by `enough`: one more pass without following brings the rest.
      if (follow && enough.aborted) continue
      if (!isUnreachable(error)) throw error
      failures += 1
      if (failures > 1) tell(true)
      await clock.sleep(backoffMs(failures, options.random, { baseMs: 200, capMs: 3_000, floorMs: 50 }), follow ? AbortSignal.any([enough, signal]) : signal)
    }
  }
}
