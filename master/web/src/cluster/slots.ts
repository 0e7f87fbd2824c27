import type { Agent, Slot } from '../api/shapes.ts'
import { parseAllocationId } from '../../../../protocol/words/ids.ts'

type SlotUse = 'free' | 'busy' | 'draining' | 'disabled'

export interface SlotFacts {
  id: string
  /** what the square shows: the number on its machine */
  mark: string
  use: SlotUse
  /** `NVIDIA A100`, `CPU` */
  device: string
  /** `GPU-1234...`; empty for a CPU slot */
  uuid: string
  allocation: string | null
}

/** Slots of an agent in the order of their number. */
export function slotsOf(agent: Agent): SlotFacts[] {
  return Object.entries(agent.slots ?? {})
    .map(([key, slot]) => factsOf(key, slot, agent))
    .sort((a, b) => a.mark.localeCompare(b.mark, 'en', { numeric: true }) || a.id.localeCompare(b.id, 'en', { numeric: true }))
}

function factsOf(key: string, slot: Slot, agent: Agent): SlotFacts {
  const device = slot.device
  const id = slot.id ?? key
  const mark = String(slot.drover?.index ?? (id.length <= 3 ? id : ''))
  return { id, mark, use: useOf(slot, agent), device: device?.brand || deviceKind(device?.type ?? ''), uuid: device?.uuid ?? '', allocation: slot.container?.parent ?? null }
}

function useOf(slot: Slot, agent: Agent): SlotUse {
  if (slot.container) return 'busy'
  if (slot.enabled === false || agent.enabled === false) return 'disabled'
  return slot.draining === true || agent.draining === true ? 'draining' : 'free'
}

function deviceKind(type: string): string {
  const bare = type.replace(/^TYPE_/, '')
  return bare === '' || bare === 'UNSPECIFIED' ? 'slot' : bare
}

export interface Running {
  allocation: string
  /** null where it is no trial's */
  trialId: number | null
  experimentId: number | null
  state: string
}

/** What runs on an agent: each allocation once. Containers that are over are left out. */
export function runningOn(agent: Agent): Running[] {
  const found = new Map<string, Running>()
  const containers = [...Object.values(agent.containers ?? {}), ...Object.values(agent.slots ?? {}).flatMap((slot) => slot.container ?? [])]
  for (const container of containers) {
    const allocation = container.parent || container.id
    if (container.state === 'STATE_TERMINATED' || found.has(allocation)) continue
    found.set(allocation, { allocation, trialId: container.drover?.trialId ?? trialOf(allocation), experimentId: container.drover?.experimentId ?? null, state: container.state })
  }
  return [...found.values()].sort((a, b) => a.allocation.localeCompare(b.allocation, 'en', { numeric: true }))
}

function trialOf(allocation: string): number | null {
  const match = /^trial-([1-9][0-9]{0,14})$/.exec(parseAllocationId(allocation)?.task ?? '')
  return match ? Number(match[1]) : null
}

interface AgentLook {
  label: string
  colour: string
  hint: string
}

/** How the agent is heard, then what was asked of it. */
export function agentLook(agent: Agent): AgentLook {
  const status = agent.drover?.status ?? 'ok'
  if (status === 'lost') return { label: 'Lost', colour: 'red', hint: 'The master has given it up: its work goes on elsewhere. Where it is no EC2 instance, check that the machine runs and that drover-agent on it reaches the master.' }
  if (status === 'suspect') return { label: 'Silent', colour: 'orange', hint: 'Its heartbeat is late. It gets no new work until it is heard again; what runs there goes on.' }
  if (status === 'new') return { label: 'New', colour: 'cyan', hint: 'It has joined and has not been heard yet.' }
  if (agent.drover?.notice === 'spot') return { label: 'Spot notice', colour: 'red', hint: 'EC2 takes the machine within two minutes. What runs there saves and goes on elsewhere.' }
  if (agent.drover?.notice) return { label: 'Rebalance notice', colour: 'orange', hint: 'EC2 says that the machine is likely to be taken. It gets no new work.' }
  if (agent.drover?.retiring) return { label: 'Retiring', colour: 'orange', hint: `It gets no new work, hands over what it holds, then EC2 ends its instance: ${agent.drover.retiring}` }
  if (agent.draining === true) return { label: 'Draining', colour: 'yellow', hint: 'It gets no new work; what runs there goes on.' }
  if (agent.enabled === false) return { label: 'Disabled', colour: 'gray', hint: 'It gets no new work until an administrator enables it.' }
  return { label: 'Ready', colour: 'teal', hint: 'It is heard and takes work.' }
}
