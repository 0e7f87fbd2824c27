import { CliError, EXIT } from '../fail.ts'
import { whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { stateWord } from '../shapes.ts'
import type { Agent, Slot } from '../shapes.ts'

async function fetchAgents(invocation: Invocation): Promise<Agent[]> {
  const client = await invocation.client()
  const { agents = [] } = await client.get<{ agents?: Agent[] }>('/api/v1/agents')
  return agents.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

export async function listAgents(invocation: Invocation): Promise<void> {
  const agents = await fetchAgents(invocation)
  if (invocation.terminal.json) return invocation.terminal.data(agents)
  await invocation.terminal.table(
    ['ID', 'STATE', 'HEARD', 'POOL', 'TYPE', 'ZONE', 'SLOTS', 'IN USE', 'VERSION', 'SINCE'],
    agents.map((one) => {
      const slots = Object.values(one.slots ?? {})
      return [one.id, agentWord(one), one.drover?.status ?? '', (one.resourcePools ?? []).join(','), one.drover?.instanceType ?? '', one.drover?.zone ?? '', String(slots.length), String(slots.filter(isUsed).length), one.version ?? '', whenText(one.registeredTime)]
    }),
  )
}

export async function listSlots(invocation: Invocation): Promise<void> {
  const agents = await fetchAgents(invocation)
  const rows = agents.flatMap((agent) => Object.entries(agent.slots ?? {}).map(([key, slot]) => ({ agent, slot: { ...slot, id: slot.id ?? key } })))
  if (invocation.terminal.json) return invocation.terminal.data(rows.map(({ agent, slot }) => ({ agentId: agent.id, ...slot })))
  await invocation.terminal.table(
    ['AGENT', 'SLOT', 'STATE', 'TYPE', 'DEVICE', 'RUNS'],
    rows.map(({ agent, slot }) => [
      agent.id, slot.id, slot.enabled === false ? 'disabled' : slot.draining === true ? 'draining' : isUsed(slot) ? 'in use' : 'free',
      stateWord(slot.device?.type ?? '').toLowerCase(), slot.device?.brand ?? '', slot.container?.drover?.allocationId ?? slot.container?.parent ?? slot.container?.id ?? '',
    ]),
  )
}

function isUsed(slot: Slot): boolean {
  return slot.container !== null && slot.container !== undefined
}

/** What EC2 said of its machine comes first: it decides. */
function agentWord(agent: Agent): string {
  if (agent.drover?.notice) return `notice: ${agent.drover.notice}`
  if (agent.drover?.retiring) return 'retiring'
  if (agent.enabled === false) return agent.draining === true ? 'draining' : 'disabled'
  return 'enabled'
}

export async function setAgent(invocation: Invocation, id: string, enabled: boolean, drain: boolean): Promise<void> {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) throw new CliError(EXIT.usage, `${JSON.stringify(id)} is no agent id`, 'drover agent list shows them')
  const client = await invocation.client()
  const answer = await client.post<unknown>(`/api/v1/agents/${id}/${enabled ? 'enable' : 'disable'}`, enabled ? {} : { drain })
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  invocation.terminal.line(`agent ${id} ${enabled ? 'enabled' : drain ? 'drains' : 'disabled'}`)
}
