import type { Agent, Slot } from '../api/shapes.ts'
import { parseAllocationId } from '../../../../protocol/words/ids.ts'

export type SlotUse = 'free' | 'busy' | 'draining' | 'disabled'

export interface SlotFacts {
  id: string
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
    .sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
}

function factsOf(key: string, slot: Slot, agent: Agent): SlotFacts {
  const device = slot.device
  return { id: slot.id ?? key, use: useOf(slot, agent), device: device?.brand || deviceKind(device?.type ?? ''), uuid: device?.uuid ?? '', allocation: slot.container?.parent ?? null }
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
  state: string
}

/** What runs on an agent: each allocation once. Containers that are over are left out. */
export function runningOn(agent: Agent): Running[] {
  const found = new Map<string, Running>()
  const containers = [...Object.values(agent.containers ?? {}), ...Object.values(agent.slots ?? {}).flatMap((slot) => slot.container ?? [])]
  for (const container of containers) {
    const allocation = container.parent || container.id
    if (container.state === 'STATE_TERMINATED' || found.has(allocation)) continue
    found.set(allocation, { allocation, trialId: trialOf(allocation), state: container.state })
  }
  return [...found.values()].sort((a, b) => a.allocation.localeCompare(b.allocation, 'en', { numeric: true }))
}

function trialOf(allocation: string): number | null {
  const match = /^trial-([1-9][0-9]{0,14})$/.exec(parseAllocationId(allocation)?.task ?? '')
  return match ? Number(match[1]) : null
}

export interface AgentLook {
  label: string
  colour: string
  hint: string
}

/** Drover's own state where the master gives one; else what `enabled` and `draining` say. */
export function agentLook(agent: Agent): AgentLook {
  const state = (agent.state ?? '').replace(/^(AGENT_)?STATE_/, '').toUpperCase()
  if (state === 'LOST') return { label: 'Lost', colour: 'red', hint: 'Its heartbeat has failed for so long that its work was given to others.' }
  if (state === 'SUSPECT') return { label: 'Silent', colour: 'orange', hint: 'Its heartbeat is late. It gets no new work until it is heard again; what runs there goes on.' }
  if (state === 'RETIRING' || state === 'RETIRED') return { label: state === 'RETIRED' ? 'Retired' : 'Retiring', colour: 'gray', hint: 'It leaves the cluster once its work has ended.' }
  if (agent.draining === true) return { label: 'Draining', colour: 'yellow', hint: 'It gets no new work; what runs there goes on.' }
  if (agent.enabled === false) return { label: 'Disabled', colour: 'gray', hint: 'It gets no new work. Enable it with: drover agent enable' }
  return { label: 'Ready', colour: 'teal', hint: 'It is heard and takes work.' }
}
