import { ID_PATTERN, isId, parseAllocationId } from '../words/ids.ts'

/** The only place that builds or takes apart a NATS subject. */
const ROOT = 'drover.v1'

/** Loops of the master that a contentless wake may poke. */
export const LOOPS = ['schedule', 'scale', 'lifecycle', 'checkpoints', 'loss', 'truth', 'feed', 'canary'] as const
export type LoopName = (typeof LOOPS)[number]

export const heartbeatSubject = (agent: string): string => `${agentRoot(agent)}.hb`
export const eventSubject = (agent: string): string => `${agentRoot(agent)}.evt`
/** The dot of `<task>.<epoch>` becomes `_` doubled, so that the allocation is one token. */
export const logSubject = (agent: string, allocation: string): string => `${agentRoot(agent)}.log.${allocationToken(allocation)}`
export const pokeSubject = (agent: string): string => `${agentRoot(agent)}.cmd`
export const wakeSubject = (loop: LoopName): string => `${ROOT}.wake.${loop}`
export const inboxPrefix = (agent: string): string => `_INBOX_${token(agent)}`

/** What the master's intake subscribes to. */
export const HEARTBEATS = `${ROOT}.agent.*.hb`
export const EVENTS = `${ROOT}.agent.*.evt`
export const LOGS = `${ROOT}.agent.*.log.*`
export const WAKES = `${ROOT}.wake.*`

/** What an agent may do on NATS; everything else is refused by the server. */
export function agentGrant(agent: string): { publish: string[]; subscribe: string[] } {
  const root = agentRoot(agent)
  return { publish: [`${root}.hb`, `${root}.evt`, `${root}.log.*`], subscribe: [`${root}.cmd`, `${inboxPrefix(agent)}.>`] }
}

export interface AgentSubject {
  agent: string
  family: 'hb' | 'evt' | 'log' | 'cmd'
  /** only for `log` */
  allocation?: string
}

/** `aid` always comes from here, never from a body. Null for a subject that is none of ours. */
export function parseAgentSubject(subject: string): AgentSubject | null {
  const parts = subject.split('.')
  const [a, b, c, agent, family, rest, extra] = parts
  if (a !== 'drover' || b !== 'v1' || c !== 'agent' || extra !== undefined || !agent || !isId(agent)) return null
  if (family === 'log') {
    const allocation = rest?.replace(/__(\d+)$/, '.$1')
    return allocation && parseAllocationId(allocation) ? { agent, family, allocation } : null
  }
  if (rest !== undefined) return null
  return family === 'hb' || family === 'evt' || family === 'cmd' ? { agent, family } : null
}

export function parseWakeSubject(subject: string): LoopName | null {
  const loop = subject.startsWith(`${ROOT}.wake.`) ? subject.slice(ROOT.length + 6) : ''
  return LOOPS.find((name) => name === loop) ?? null
}

/** Refuses a reply address outside the agent's own inbox (confused deputy). */
export function isOwnInbox(agent: string, reply: string): boolean {
  return reply.startsWith(`${inboxPrefix(agent)}.`)
}

function agentRoot(agent: string): string {
  return `${ROOT}.agent.${token(agent)}`
}

function allocationToken(allocation: string): string {
  if (!parseAllocationId(allocation)) throw new RangeError(`allocation id ${JSON.stringify(allocation.slice(0, 80))} is not <task>.<epoch>`)
  return allocation.replace('.', '__')
}

function token(text: string): string {
  if (!isId(text)) throw new RangeError(`subject token ${JSON.stringify(text.slice(0, 80))} must match ${ID_PATTERN}`)
  return text
}
