import type { LinkMessage } from '../../protocol/link.ts'
import { EVENTS, HEARTBEATS, isOwnInbox, LOGS, parseAgentSubject, parseWakeSubject, WAKES, type LoopName } from '../../protocol/wire/subjects.ts'
import { answerTo, type AnswerDeps, type Family } from './answer.ts'
import type { BusOptions } from './bus.ts'
import { createLanes, type Lanes } from './lanes.ts'

export interface IntakeDeps extends AnswerDeps {
  receiveWake: (loop: LoopName) => void
}

export interface Intake {
  subscriptions: BusOptions['subscriptions']
  /** Takes nothing more; resolves when everything taken is answered. */
  close(): Promise<void>
}

/** Masters share the work: each message goes to one of them. */
const QUEUE = 'intake'

/** What agents say, each family in lanes of its own, so that logs never delay a heartbeat. */
export function createIntake(deps: IntakeDeps): Intake {
  const lanes: Record<Family, Lanes> = {
    hb: createLanes({ atOnce: 6, perKey: 2, total: 4096 }),
    evt: createLanes({ atOnce: 4, perKey: 2, total: 4096 }),
    log: createLanes({ atOnce: 4, perKey: 2, total: 1024 }),
  }

  let closing = false

  function receive(message: LinkMessage): void {
    if (closing) return
    const subject = parseAgentSubject(message.subject)
    if (!subject || subject.family === 'cmd') return deps.complaints.add('unknown', 'a subject of no agent')
    // a reply anywhere but the agent's own inbox would make the master write where the agent may not
    const reply = message.reply
    if (!reply || !isOwnInbox(subject.agent, reply)) return deps.complaints.add(subject.agent, 'the reply address is not its own inbox')
    const { agent, family } = subject
    const taken = lanes[family].run(`${agent}/${subject.allocation ?? ''}`, async () => {
      const answer = await answerTo(deps, subject, family, message.data)
      message.respond(JSON.stringify(answer))
    })
    if (!taken) deps.complaints.add(agent, 'too many messages at once')
  }

  return {
    subscriptions: [
      ...[HEARTBEATS, EVENTS, LOGS].map((subject) => ({ subject, queue: QUEUE, onMessage: receive })),
      { subject: WAKES, onMessage: (message) => {
        const loop = parseWakeSubject(message.subject)
        if (loop) deps.receiveWake(loop)
      } },
    ],
    async close() {
      closing = true
      await Promise.all(Object.values(lanes).map((lane) => lane.idle()))
    },
  }
}
