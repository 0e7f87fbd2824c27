import { Compile } from 'typebox/compile'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Link } from '../../protocol/link.ts'
import { EventReply, type AgentEvent } from '../../protocol/wire/events.ts'
import { eventSubject } from '../../protocol/wire/subjects.ts'
import type { Journal } from '../journal/door.ts'

export interface SendDeps {
  link: Link
  agentId: string
  journal: Journal
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const ENTRIES_MAX = 512
const BYTES_MAX = 900_000
const REPLY_MS = 20_000
const replyIsValid = Compile(EventReply)

/** Sends the outbox in order, one batch in flight; deletes what the master says it has committed. */
export function startSendOutbox(deps: SendDeps): Loop {
  const loop = startLoop({ name: 'outbox', sweepMs: 5_000, capMs: 10_000, pass, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  deps.journal.outbox.onAppend(() => loop.wake())
  return loop

  async function pass(signal: AbortSignal): Promise<void> {
    for (let batch = next(); batch.length > 0 && !signal.aborted; batch = next()) {
      const answer = await deps.link.request(eventSubject(deps.agentId), JSON.stringify({ v: 1, inc: deps.journal.inc, events: batch }), { timeout: REPLY_MS })
      const reply: unknown = answer.json()
      if (!replyIsValid.Check(reply)) throw new Error('the master answered events with something else than a reply')
      if (!reply.ok) throw new Error(`the master could not take events: ${reply.error}`)
      const first = batch[0]?.seq ?? 0
      if (reply.applied < first) throw new Error(`the master has committed up to ${reply.applied} and did not take ${first}`)
      deps.journal.outbox.acknowledge(reply.applied)
    }
  }

  function next(): AgentEvent[] {
    const entries = deps.journal.outbox.after(0, ENTRIES_MAX)
    let bytes = 0
    const fitting = entries.findIndex((entry) => (bytes += Buffer.byteLength(JSON.stringify(entry))) > BYTES_MAX)
    return fitting < 0 ? entries : entries.slice(0, Math.max(1, fitting))
  }
}
