import { Compile } from 'typebox/compile'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Link } from '../../protocol/link.ts'
import { LogReply, type LogBatch } from '../../protocol/wire/logs.ts'
import { abortable } from './abortable.ts'
import { openLogFile, type LogFile, type PreparedBatch } from './log-file.ts'
import { wakeOnChange } from './wake-on-change.ts'

const REPLY_MS = 10_000
const POLL_MS = 100
const replyCheck = Compile(LogReply)

export interface ShipOptions {
  link: Pick<Link, 'request'>
  /** `logSubject(agent, allocation)` */
  subject: string
  rank: number
  containerId: string
  path: string
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export interface LogShipper {
  /** The writer is gone: resolves when the master has committed the last line, or takes no more of them. */
  finish(): Promise<void>
  readonly ended: Promise<void>
}

/**
 * Ships Docker's json-file to the master, one batch in flight. The cursor of truth is the master's: it is asked for at
 * the start and comes with each reply, so nothing is kept here and nothing is lost or doubled (I11).
 */
export function shipLogs(options: ShipOptions): LogShipper {
  const file = openLogFile(options.path, { rank: options.rank, containerId: options.containerId, monotonicMs: () => options.clock.monotonicMs() })
  const finished = Promise.withResolvers<void>()
  let cursor: number | null = null
  let last = false
  let over = false
  // before the loop, whose first pass runs at once
  const watcher = wakeOnChange(options.path, () => loop.wake())
  const loop = startLoop({ name: 'ship-logs', pass, sweepMs: POLL_MS, capMs: 5_000, signal: options.signal, clock: options.clock, random: options.random, log: options.log })
  const ended = loop.ended.then(async () => {
    watcher.close()
    await file.close()
  })
  return {
    finish() {
      last = true
      loop.wake()
      return finished.promise
    },
    ended,
  }

  async function pass(): Promise<void> {
    if (over) return
    watcher.retry()
    const lastBefore = last
    cursor ??= await askCursor()
    if (cursor !== null) await shipToEnd(lastBefore)
    if (cursor === null) over = true
    if (over || lastBefore) {
      over = true
      finished.resolve()
    }
  }

  /** Reads the next batch while one is under way. Ends at the end of the file, or with `cursor` null when the master takes no more. */
  async function shipToEnd(toLast: boolean): Promise<void> {
    let batch = cursor === null ? null : await file.read(cursor, toLast)
    while (batch && cursor !== null) {
      const [reply, next]: [number | null, PreparedBatch | null] = await both(send(batch.payload), file, batch.to, toLast)
      if (reply === batch.from) throw new Error(`master left the log cursor at ${reply}`)
      cursor = reply
      if (cursor === null) return
      batch = next && next.from === cursor ? next : await file.read(cursor, toLast)
    }
  }

  function askCursor(): Promise<number | null> {
    const empty: LogBatch = { v: 1, rank: options.rank, containerId: options.containerId, from: 0, to: 0, lines: [] }
    return send(JSON.stringify(empty))
  }

  /** The committed cursor; null when this allocation takes no more lines. Rejects when there is no answer. */
  async function send(payload: string): Promise<number | null> {
    const message = await abortable(options.link.request(options.subject, payload, { timeout: REPLY_MS }), options.signal)
    const reply: unknown = message.json()
    if (!replyCheck.Check(reply)) throw new Error('master gave a log reply of another shape')
    if (reply.ok) return reply.cursor
    if (!reply.final) throw new Error(`master could not take log lines now: ${reply.error}`)
    options.log.info({ reason: reply.error }, 'master takes no more log lines of this allocation')
    return null
  }
}

async function both(sending: Promise<number | null>, file: LogFile, to: number, last: boolean): Promise<[number | null, PreparedBatch | null]> {
  const [sent, next] = await Promise.allSettled([sending, file.read(to, last)])
  if (sent.status === 'rejected') throw sent.reason
  if (next.status === 'rejected') throw next.reason
  return [sent.value, next.value]
}
