import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Client, Query } from './client.ts'
import { isUnreachable } from './fail.ts'
import { hasEnded } from './shapes.ts'
import type { Trial, TrialLog } from './shapes.ts'

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

const REOPEN_MS = 500

/**
 * Lines of a trial to its end. A lost stream is opened again for as long as it takes; the line ids tell what was
 * seen, so nothing is lost or doubled (I11). A stream that ends well proves nothing while the trial lives: a master
 * that stops ends its streams well too. So the last pass is always one without following, made after the trial was
 * seen ended or `enough` was said, and it counts only when it reached the newest line. A master that was never reached
 * is an error at once.
 */
export async function followLogs(options: FollowLogsOptions): Promise<void> {
  const { client, enough, signal, clock } = options
  const path = `/api/v1/trials/${options.trialId}/logs`
  let last = options.after ?? -1
  let failures = 0
  let lost = false
  let reached = false

  async function read(follow: boolean): Promise<void> {
    const stop = follow ? AbortSignal.any([enough, signal]) : signal
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

  /** One try: true when everything up to the end was read. */
  async function advance(): Promise<boolean> {
    const { trial } = await client.get<{ trial: Trial }>(`/api/v1/trials/${options.trialId}`)
    reached = true
    const over = enough.aborted || hasEnded(trial.state)
    await read(!over)
    tell(false)
    if (over && (await isWhole())) return true
    await clock.sleep(REOPEN_MS, over ? signal : AbortSignal.any([enough, signal]))
    return false
  }

  /** The last pass may have been cut short by a master that stops: the newest line must be one that was seen. */
  async function isWhole(): Promise<boolean> {
    for await (const newest of client.stream<TrialLog>(path, { ...options.query, limit: 1, orderBy: 'ORDER_BY_DESC' }, signal)) return Number(newest.id) <= last
    return last < 0
  }

  for (;;) {
    try {
      if (await advance()) return
      failures = 0
    } catch (error) {
      if (signal.aborted) throw error
      if (!isUnreachable(error) || !reached) throw error
      failures += 1
      if (failures > 1) tell(true)
      await clock.sleep(backoffMs(failures, options.random, { baseMs: 200, capMs: 3_000, floorMs: 50 }), signal)
    }
  }
}
