import type { ScheduleAgent } from './world.ts'

/** Allocations without slots (commands on the CPU) that one agent may hold at once. */
export const AUX_LIMIT = 100

/** What is asked for: all of it on one agent, or on several equal ones where no agent of the pool is large enough. */
export interface Need {
  pool: string
  slots: number
}

/** Slots of one agent that an allocation gets. */
export interface Share {
  agent: ScheduleAgent
  slots: readonly string[]
}

/** May this agent alone take it now? Of the one fit rule (`placesFor`) the part about one agent. */
export function fits(agent: ScheduleAgent, need: Need): boolean {
  if (!takesWork(agent) || agent.pool !== need.pool) return false
  return need.slots === 0 ? agent.aux < AUX_LIMIT : freeCount(agent) >= need.slots
}

export function takesWork(agent: ScheduleAgent): boolean {
  return agent.enabled && !agent.draining && !agent.suspect && !agent.leaving
}

export function freeSlots(agent: ScheduleAgent): readonly string[] {
  return agent.slots.filter((slot) => !slot.busy).map((slot) => slot.id)
}

export function freeCount(agent: ScheduleAgent): number {
  let free = 0
  for (const slot of agent.slots) if (!slot.busy) free += 1
  return free
}

/** Agents of the pool that take work. */
export function openIn(pool: string, agents: readonly ScheduleAgent[]): readonly ScheduleAgent[] {
  return agents.filter((agent) => agent.pool === pool && takesWork(agent))
}

/** Slots of the largest open agent of the pool; 0 = there is none. */
export function largestIn(pool: string, agents: readonly ScheduleAgent[]): number {
  let largest = 0
  for (const agent of agents) if (agent.slots.length > largest && agent.pool === pool && takesWork(agent)) largest = agent.slots.length
  return largest
}

/** By code unit, never by locale (I9). */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
