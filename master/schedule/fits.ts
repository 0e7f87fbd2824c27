import type { ScheduleAgent } from './world.ts'

/** Allocations without slots (commands on the CPU) that one agent may hold at once. */
export const AUX_LIMIT = 100

/** The one fit rule: scheduler, scale decider and retirement all ask it. Free slots must be enough, on one agent. */
export function fits(agent: ScheduleAgent, need: { pool: string; slots: number }): boolean {
  if (!takesWork(agent) || agent.pool !== need.pool) return false
  return need.slots === 0 ? agent.aux < AUX_LIMIT : freeSlots(agent).length >= need.slots
}

/** Would it fit if the agent were empty? */
export function couldFit(agent: ScheduleAgent, need: { pool: string; slots: number }): boolean {
  return fits({ ...agent, aux: 0, slots: agent.slots.map((slot) => ({ ...slot, busy: false })) }, need)
}

export function takesWork(agent: ScheduleAgent): boolean {
  return agent.enabled && !agent.draining && !agent.suspect && !agent.leaving
}

export function freeSlots(agent: ScheduleAgent): readonly string[] {
  return agent.slots.filter((slot) => !slot.busy).map((slot) => slot.id)
}
