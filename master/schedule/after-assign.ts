import type { ScheduleAgent, ScheduleDecision } from './world.ts'

/** The agents as they are once the placements are made: their slots are busy, work without slots counts. */
export function afterAssign<A extends ScheduleAgent>(agents: readonly A[], placed: readonly Extract<ScheduleDecision, { kind: 'assign' }>[]): A[] {
  const slots = new Map<string, Set<string>>()
  const aux = new Map<string, number>()
  for (const member of placed.flatMap((decision) => decision.members)) {
    const taken = slots.get(member.agent) ?? new Set()
    member.slots.forEach((slot) => taken.add(slot))
    slots.set(member.agent, taken)
    if (member.slots.length === 0) aux.set(member.agent, (aux.get(member.agent) ?? 0) + 1)
  }
  return agents.map((agent) => {
    const taken = slots.get(agent.id)
    if (!taken) return agent
    return { ...agent, aux: agent.aux + (aux.get(agent.id) ?? 0), slots: agent.slots.map((slot) => (taken.has(slot.id) ? { ...slot, busy: true } : slot)) }
  })
}
