import { Compile } from 'typebox/compile'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Link } from '../../protocol/link.ts'
import { EventReply } from '../../protocol/wire/events.ts'
import { eventSubject } from '../../protocol/wire/subjects.ts'
import type { Outbox } from '../journal/door.ts'

export interface SendDeps {
  link: Pick<Link, 'request'>
  agentId: string
  inc: number
  outbox: Outbox
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const ENTRIES_MAX = 512
const BYTES_MAX = 900_000
const REPLY_MS = 10_000
const SWEEP_MS = 30_000
const replyCheck = Compile(EventReply)

/** Sends the outbox in order, one batch in flight, and deletes what the master says it has committed. Survives any outage. */
export function startSendOutbox(deps: SendDeps): Loop {
  const loop = startLoop({ name: 'outbox', sweepMs: SWEEP_MS, capMs: 5_000, pass, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  deps.outbox.onAppend(() => loop.wake())
  return loop

  async function pass(signal: AbortSignal): Promise<void> {
    for (let batch = nextBatch(deps.outbox); batch !== null && !signal.aborted; batch = nextBatch(deps.outbox)) {
      const payload = `{"v":1,"inc":${deps.inc},"events":[${batch.entries.join(',')}]}`
      const reply: unknown = (await deps.link.request(eventSubject(deps.agentId), payload, { timeout: REPLY_MS })).json()
      if (!replyCheck.Check(reply)) throw new Error('the master answered events with something of another shape')
      if (!reply.ok) throw new Error(`the master could not take events now: ${reply.error}`)
      if (reply.applied < batch.first) throw new Error(`the master has committed events up to ${reply.applied} and did not take ${batch.first}`)
      deps.outbox.acknowledge(Math.min(reply.applied, batch.last))
    }
  }
}

/** The oldest entries that fit into one message; at least one, since an entry is capped when it is appended. */
function nextBatch(outbox: Outbox): { first: number; last: number; entries: string[] } | null {
  const entries: string[] = []
  let bytes = 0
  let first = 0
  let last = 0
  for (const event of outbox.after(0, ENTRIES_MAX)) {
    const text = JSON.stringify(event)
    bytes += Buffer.byteLength(text) + 1
    if (entries.length > 0 && bytes > BYTES_MAX) break
    entries.push(text)
    first ||= event.seq
    last = event.seq
  }
  return entries.length === 0 ? null : { first, last, entries }
}
