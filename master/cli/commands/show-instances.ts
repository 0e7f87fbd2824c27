import type { ApiInstance, ApiInstanceDetails, ApiInstances } from '../../../protocol/wire/api.ts'
import { CliError, EXIT } from '../fail.ts'
import { ageText, costText, moneyText, rateText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'

export interface InstanceOptions {
  pool: string | undefined
  states: readonly string[]
  all: boolean
  limit: number
}

export async function listInstances(invocation: Invocation, options: InstanceOptions): Promise<void> {
  const client = await invocation.client()
  const { instances } = await client.get<ApiInstances>('/api/v1/drover/instances', { pool: options.pool, state: options.states.map((state) => state.toUpperCase()), includeGone: options.all || undefined, limit: options.limit })
  if (invocation.terminal.json) return invocation.terminal.data(instances)
  const now = Date.now()
  await invocation.terminal.table(
    ['ID', 'STATE', 'POOL', 'TYPE', 'ZONE', 'MARKET', 'AGE', '$/H', 'COST', 'RUNS'],
    instances.map((one) => [one.id, one.state, one.pool, one.type, one.zone, one.market, ageText((one.goneAt ? Date.parse(one.goneAt) : now) - Date.parse(one.launchedAt)), rateText(one.perHour), moneyText(one.cost.total), doing(one, now)]),
  )
}

export async function describeInstance(invocation: Invocation, id: string): Promise<void> {
  const { terminal } = invocation
  const client = await invocation.client()
  const answer = await client.get<ApiInstanceDetails>(`/api/v1/drover/instances/${instanceIdOf(id)}`)
  if (terminal.json) return terminal.data(answer)
  await terminal.table(['INSTANCE', answer.instance.id], factsOf(answer))
  const { instance, console: said, events } = answer
  if (instance.registeredAt === null && said !== '') {
    terminal.line('\nCONSOLE of a boot that never registered, its end')
    for (const line of said.replace(/\r/g, '').trimEnd().split('\n').slice(-CONSOLE_LINES)) terminal.line(line)
  }
  if (events.length > 0) terminal.line('')
  for (const event of events.toReversed()) terminal.line(`${whenText(event.time)}  ${event.kind}  ${event.text}`)
}

export async function retireInstance(invocation: Invocation, id: string): Promise<void> {
  const client = await invocation.client()
  const answer = await client.post<unknown>(`/api/v1/drover/instances/${instanceIdOf(id)}/retire`, {})
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  invocation.terminal.line(`instance ${id} is retired: its agent drains, then EC2 ends it`)
}

const CONSOLE_LINES = 40

function factsOf({ instance, launch }: ApiInstanceDetails): string[][] {
  const facts: [string, string][] = [
    ['state', instance.state],
    ['reason', instance.stateReason],
    ['runs', doing(instance, Date.now())],
    ['notice', instance.notice === null ? '' : `${instance.notice.kind}${instance.notice.until ? `, EC2 takes it at ${whenText(instance.notice.until)}` : ''}`],
    ['pool', instance.pool],
    ['type', `${instance.type}, ${instance.slots} ${instance.slots === 1 ? 'slot' : 'slots'}`],
    ['where', `${instance.zone}, ${instance.market}${instance.privateIp ? `, ${instance.privateIp}` : ''}`],
    ['$/h', rateText(instance.perHour)],
    ['cost', costText(instance.cost)],
    ['launched', whenText(instance.launchedAt)],
    ['registered', whenText(instance.registeredAt)],
    ['retiring', whenText(instance.retiringAt)],
    ['ending', whenText(instance.terminatingAt)],
    ['gone', whenText(instance.goneAt)],
    ['agent', instance.agent === null ? '' : `${instance.agent.status}, seen ${whenText(instance.agent.seenAt)}${instance.agent.drained ? ', drained' : ''}`],
    ['launch', `${launch.id}${launch.reason === '' ? '' : `: ${launch.reason}`}`],
  ]
  return facts.filter(([, value]) => value !== '')
}

/** What holds it, or since when nothing does. */
function doing(instance: ApiInstance, now: number): string {
  if (instance.allocations.length > 0) return instance.allocations.map((one) => one.id).join(' ')
  return instance.idleSince === null ? '' : `idle ${ageText(now - Date.parse(instance.idleSince))}`
}

export function instanceIdOf(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text
  throw new CliError(EXIT.usage, `${JSON.stringify(text)} is no instance id`, 'drover instance list shows them')
}
