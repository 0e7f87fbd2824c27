import type { EventReply } from '../../protocol/wire/events.ts'
import type { HeartbeatReply } from '../../protocol/wire/heartbeat.ts'
import type { LogReply } from '../../protocol/wire/logs.ts'
import type { AgentSubject } from '../../protocol/wire/subjects.ts'
import { isTransient } from '../store/failures.ts'
import type { Complaints } from './complaints.ts'
import { takeEvents, type EventDeps } from './take-events.ts'
import { takeHeartbeat, type HeartbeatDeps } from './take-heartbeat.ts'
import { takeLogs } from './take-logs.ts'
import { checkEventBatch, checkHeartbeat, checkLogBatch, parseMessage } from './validate.ts'

export interface AnswerDeps extends EventDeps, HeartbeatDeps {
  complaints: Complaints
}

/** Bytes of a message that are taken at all; the server lets no more than 1 MB through. */
const MAX_BYTES = { hb: 512 * 1024, evt: 1000 * 1024, log: 1000 * 1024 }
export type Family = keyof typeof MAX_BYTES
type Reply = HeartbeatReply | EventReply | LogReply

/** The reply to one message; whatever came, there is one and it never throws. */
export async function answerTo(deps: AnswerDeps, subject: AgentSubject, family: Family, data: Uint8Array): Promise<Reply> {
  try {
    const message = parseMessage(data, MAX_BYTES[family])
    return message.ok ? await handle(deps, subject, family, message.value) : refusal(deps, subject.agent, family, message.error)
  } catch (error) {
    const transient = isTransient(error)
    if (transient) deps.log.debug({ agent: subject.agent, family, err: error }, 'a message could not be handled for now')
    else deps.log.error({ agent: subject.agent, family, err: error }, 'a message could not be handled')
    return failure(deps, family, transient ? 'the store cannot be reached, try again' : 'the master could not handle the message, its log says why')
  }
}

async function handle(deps: AnswerDeps, subject: AgentSubject, family: Family, value: unknown): Promise<Reply> {
  const { agent } = subject
  if (family === 'hb') {
    const beat = checkHeartbeat(value)
    return beat.ok ? takeHeartbeat(deps, agent, beat.value) : refusal(deps, agent, family, beat.error)
  }
  if (family === 'evt') {
    const batch = checkEventBatch(value)
    if (!batch.ok) return refusal(deps, agent, family, batch.error)
    return { v: 1, ok: true, store: deps.incarnation, applied: await takeEvents(deps, agent, batch.value) }
  }
  const lines = checkLogBatch(value)
  if (!lines.ok) return refusal(deps, agent, family, lines.error)
  const reply = await takeLogs(deps.db, agent, subject.allocation ?? '', lines.value)
  if (reply.ok && lines.value.lines.length > 0) deps.wake('feed')
  return reply
}

function refusal(deps: AnswerDeps, agent: string, family: Family, error: string): Reply {
  deps.complaints.add(agent, error)
  return failure(deps, family, error)
}

function failure(deps: AnswerDeps, family: Family, error: string): Reply {
  if (family === 'hb') return { v: 1, kind: 'refused', store: deps.incarnation, error }
  if (family === 'evt') return { v: 1, ok: false, store: deps.incarnation, error }
  return { v: 1, ok: false, final: false, error }
}
