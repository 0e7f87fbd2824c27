import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { LinkMessage } from '../../protocol/link.ts'
import type { EventReply } from '../../protocol/wire/events.ts'
import type { HeartbeatReply } from '../../protocol/wire/heartbeat.ts'
import type { LogReply } from '../../protocol/wire/logs.ts'
import { EVENTS, HEARTBEATS, isOwnInbox, LOGS, parseAgentSubject, parseWakeSubject, WAKES, type AgentSubject, type LoopName } from '../../protocol/wire/subjects.ts'
import { isTransient } from '../store/failures.ts'
import type { BusOptions } from './bus.ts'
import type { Complaints } from './complaints.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { takeEvents, type EventDeps } from './take-events.ts'
import { takeHeartbeat, type HeartbeatDeps } from './take-heartbeat.ts'
import { takeLogs } from './take-logs.ts'
import { checkEventBatch, checkHeartbeat, checkLogBatch, parseMessage } from './validate.ts'

export interface IntakeDeps extends EventDeps, HeartbeatDeps {
  clock: Clock
  log: Log
  complaints: Complaints
  receiveWake: (loop: LoopName) => void
}

export interface Intake {
  subscriptions: BusOptions['subscriptions']
  /** Resolves when everything taken is answered. */
  idle(): Promise<void>
}

/** Masters share the work: each message goes to one of them. */
const QUEUE = 'intake'
const MAX_BYTES = { hb: 512 * 1024, evt: 1000 * 1024, log: 1000 * 1024 }
type Family = keyof typeof MAX_BYTES
type Reply = HeartbeatReply | EventReply | LogReply

/** What agents say, each family in lanes of its own, so that logs never delay a heartbeat. */
export function createIntake(deps: IntakeDeps): Intake {
  const lanes: Record<Family, Lanes> = {
    hb: createLanes({ atOnce: 6, perKey: 2, total: 4096 }),
    evt: createLanes({ atOnce: 4, perKey: 2, total: 4096 }),
    log: createLanes({ atOnce: 4, perKey: 2, total: 1024 }),
  }

  function receive(message: LinkMessage): void {
    const subject = parseAgentSubject(message.subject)
    if (!subject || subject.family === 'cmd') return deps.complaints.add('unknown', 'a subject of no agent')
    // a reply anywhere but the agent's own inbox would make the master write where the agent may not
    const reply = message.reply
    if (!reply || !isOwnInbox(subject.agent, reply)) return deps.complaints.add(subject.agent, 'the reply address is not its own inbox')
    const { agent, family } = subject
    const taken = lanes[family].run(`${agent}/${subject.allocation ?? ''}`, async () => {
      const answer = await answerTo(subject, family, message.data)
      message.respond(JSON.stringify(answer))
    })
    if (!taken) deps.complaints.add(agent, 'too many messages at once')
  }

  async function answerTo(subject: AgentSubject, family: Family, data: Uint8Array): Promise<Reply> {
    try {
      const message = parseMessage(data, MAX_BYTES[family])
      return message.ok ? await handle(subject, family, message.value) : refusal(subject.agent, family, message.error)
    } catch (error) {
      if (!isTransient(error)) deps.log.error({ agent: subject.agent, family, err: error }, 'a message could not be handled')
      return failure(family, isTransient(error) ? 'the store cannot be reached, try again' : 'the master could not handle the message, its log says why')
    }
  }

  async function handle(subject: AgentSubject, family: Family, value: unknown): Promise<Reply> {
    const { agent } = subject
    if (family === 'hb') {
      const beat = checkHeartbeat(value)
      return beat.ok ? takeHeartbeat(deps, agent, beat.value) : refusal(agent, family, beat.error)
    }
    if (family === 'evt') {
      const batch = checkEventBatch(value)
      if (!batch.ok) return refusal(agent, family, batch.error)
      return { v: 1, ok: true, store: deps.incarnation, applied: await takeEvents(deps, agent, batch.value) }
    }
    const lines = checkLogBatch(value)
    if (!lines.ok) return refusal(agent, family, lines.error)
    const reply = await takeLogs(deps.db, agent, subject.allocation ?? '', lines.value)
    if (reply.ok && lines.value.lines.length > 0) deps.wake('feed')
    return reply
  }

  function refusal(agent: string, family: Family, error: string): Reply {
    deps.complaints.add(agent, error)
    return failure(family, error)
  }

  function failure(family: Family, error: string): Reply {
    if (family === 'hb') return { v: 1, kind: 'refused', store: deps.incarnation, error }
    if (family === 'evt') return { v: 1, ok: false, store: deps.incarnation, error }
    return { v: 1, ok: false, final: false, error }
  }

  return {
    subscriptions: [
      ...[HEARTBEATS, EVENTS, LOGS].map((subject) => ({ subject, queue: QUEUE, onMessage: receive })),
      { subject: WAKES, onMessage: (message) => {
        const loop = parseWakeSubject(message.subject)
        if (loop) deps.receiveWake(loop)
      } },
    ],
    idle: async () => void (await Promise.all(Object.values(lanes).map((lane) => lane.idle()))),
  }
}
