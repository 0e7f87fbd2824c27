import { couldFit, fits, freeSlots } from './fits.ts'
import { waitReason } from './wait-reason.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleDecision, ScheduleWorld } from './world.ts'

/**
 * First in, first out within priority, per pool. Whoever could run here but must wait for slots keeps all slots of
 * the pool from those behind (no starvation of the head); whoever fits on no agent of the pool, even an empty one,
 * holds up nobody. Same world, same decisions in the same order (I9); a slot is given once (I1).
 */
export function schedule(world: ScheduleWorld): ScheduleDecision[] {
  const agents = new Map([...world.agents].sort((a, b) => compare(a.id, b.id)).map((agent) => [agent.id, agent]))
  const blocked = new Map<string, number>()
  const decisions: ScheduleDecision[] = []
  for (const pending of inOrder(world.pending)) {
    const ahead = pending.slots === 0 ? 0 : (blocked.get(pending.pool) ?? 0)
    const agent = ahead > 0 ? undefined : bestFit([...agents.values()], pending)
    if (agent) {
      const slots = freeSlots(agent).slice(0, pending.slots)
      agents.set(agent.id, take(agent, slots))
      decisions.push({ kind: 'assign', allocation: pending.allocation, members: [{ rank: 0, agent: agent.id, slots }], reason: assignReason(agent, slots.length) })
      continue
    }
    const pool = [...agents.values()].filter((candidate) => candidate.pool === pending.pool)
    decisions.push({ kind: 'wait', allocation: pending.allocation, reason: waitReason(pending, pool, ahead) })
    if (pending.slots > 0 && pool.some((candidate) => couldFit(candidate, pending))) blocked.set(pending.pool, ahead + 1)
  }
  return decisions
}

function inOrder(pending: readonly PendingAllocation[]): PendingAllocation[] {
  return [...pending].sort((a, b) => a.priority - b.priority || a.order - b.order || compare(a.allocation, b.allocation))
}

/** Fewest free slots left over, so that large gaps stay whole; then the smallest id. */
function bestFit(agents: readonly ScheduleAgent[], pending: PendingAllocation): ScheduleAgent | undefined {
  return agents
    .filter((agent) => fits(agent, pending))
    .sort((a, b) => rest(a, pending) - rest(b, pending) || compare(a.id, b.id))[0]
}

function rest(agent: ScheduleAgent, pending: PendingAllocation): number {
  return pending.slots === 0 ? agent.aux : freeSlots(agent).length - pending.slots
}

function take(agent: ScheduleAgent, slots: readonly string[]): ScheduleAgent {
  if (slots.length === 0) return { ...agent, aux: agent.aux + 1 }
  return { ...agent, slots: agent.slots.map((slot) => (slots.includes(slot.id) ? { ...slot, busy: true } : slot)) }
}

function assignReason(agent: ScheduleAgent, slots: number): string {
  const open = agent.slots.length
  return slots === 0 ? `agent ${agent.id} takes work without slots` : `agent ${agent.id} had ${freeSlots(agent).length} free of ${open} slots, ${slots} asked`
}

/** By code unit, never by locale (I9). */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

