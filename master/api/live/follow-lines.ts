import { backoffMs } from '../../../protocol/kit/backoff.ts'
import { isTransient } from '../../store/failures.ts'
import { findLogSource } from '../../store/queries/logs.ts'
import type { ApiDeps } from '../deps.ts'
import type { Line } from '../shapes/log-line.ts'
import { IDLE_PAUSE_MS, type ChangeHub } from './change-hub.ts'
import { readLines, type LineFilter } from './read-lines.ts'

/** A notice that was lost delays a line by this at most. */
const SWEEP_MS = 2_000
const RETRIES_MAX = 60

export interface LineRequest {
  taskId: string
  filter: LineFilter
  /** 0: all */
  limit: number
  descending: boolean
  follow: boolean
}

/**
 * Pages of lines. With `follow` it goes on until the task has ended and its last line was given; a database that is
 * away for a while only delays it. Whether the task has ended is read before its lines, so that none is missed.
 */
export async function* pagesOfLines(deps: Pick<ApiDeps, 'db' | 'clock' | 'random'>, hub: ChangeHub, asked: LineRequest, signal: AbortSignal): AsyncGenerator<Line[]> {
  const isDescending = asked.descending && !asked.follow
  let cursor = isDescending ? Number.MAX_SAFE_INTEGER : 0
  let left = asked.limit > 0 ? asked.limit : Number.POSITIVE_INFINITY
  let failures = 0
  while (!signal.aborted && left > 0) {
    const seen = hub.version()
    try {
      const source = await findLogSource(deps.db, { taskId: asked.taskId })
      const page = await readLines(deps.db, asked.taskId, asked.filter, cursor, isDescending)
      failures = 0
      cursor = page.cursor
      const lines = page.lines.slice(0, left)
      left -= lines.length
      if (lines.length > 0) yield lines
      if (page.more) continue
      if (!asked.follow || !source || source.ended) return
      if (lines.length === 0) await deps.clock.sleep(IDLE_PAUSE_MS, signal)
    } catch (error) {
      failures += 1
      if (!asked.follow || !isTransient(error) || failures > RETRIES_MAX) throw error
      await deps.clock.sleep(backoffMs(failures, deps.random, { baseMs: 100, capMs: 5_000, floorMs: 50 }), signal)
      continue
    }
    await hub.waitBeyond(seen, SWEEP_MS, signal)
  }
}
