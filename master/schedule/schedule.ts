import { compare, freeCount, type Share } from './fits.ts'
import { couldUse, placesFor } from './places.ts'
import { waitReason } from './wait-reason.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleDecision, ScheduleWorld } from './world.ts'

/**
 * First in, first out within priority, per pool. Whoever could run here but must wait keeps the agents that it could
 * use from those behind: no starvation of the head, and two gangs never wait for each other. Whoever can run on no
 * agent of the pool, even an empty one, holds up nobody. Same world, same decisions in the same order (I9); a slot is
 * given once (I1); a gang is one decision.
 */
export function schedule(world: ScheduleWorld): ScheduleDecision[] {
  const pools = new Map<string, Pool>()
  const decisions: ScheduleDecision[] = []
  for (const pending of inOrder(world.pending)) {
    const pool = pools.get(pending.pool) ?? openPool(pending.pool, world.agents)
    pools.set(pending.pool, pool)
    const shares = placesFor(pool.agents, pending, pool.held)
    if (shares) {
      for (const share of shares) pool.agents = pool.agents.map((agent) => (agent.id === share.agent.id ? take(share) : agent))
      const members = shares.map((share, rank) => ({ rank, agent: share.agent.id, slots: share.slots }))
      decisions.push({ kind: 'assign', allocation: pending.allocation, members, reason: assignReason(shares, pending.slots) })
      continue
    }
    decisions.push({ kind: 'wait', allocation: pending.allocation, reason: waitReason(pending, pool.agents, pending.slots === 0 ? 0 : pool.ahead) })
    if (pending.slots === 0) continue
    const wanted = couldUse(pool.agents, pending, world.coming)
    for (const agent of wanted) pool.held.add(agent.id)
    if (wanted.length > 0) pool.ahead += 1
  }
  return decisions
}

interface Pool {
  agents: readonly ScheduleAgent[]
  /** agents that somebody ahead waits for */
  readonly held: Set<string>
  /** how many wait for them */
  ahead: number
}

function openPool(name: string, agents: readonly ScheduleAgent[]): Pool {
  return { agents: agents.filter((agent) => agent.pool === name).sort((a, b) => compare(a.id, b.id)), held: new Set(), ahead: 0 }
}

/** The order in which they are served. */
export function inOrder<T extends PendingAllocation>(pending: readonly T[]): T[] {
  return [...pending].sort((a, b) => a.priority - b.priority || a.order - b.order || compare(a.allocation, b.allocation))
}

function take({ agent, slots }: Share): ScheduleAgent {
  if (slots.length === 0) return { ...agent, aux: agent.aux + 1 }
  return { ...agent, slots: agent.slots.map((slot) => (slots.includes(slot.id) ? { ...slot, busy: true } : slot)) }
}

function assignReason(shares: readonly Share[], slots: number): string {
  const [first] = shares
  if (!first || slots === 0) return `agent ${first?.agent.id ?? ''} takes work without slots`
  if (shares.length === 1) return `agent ${first.agent.id} had ${freeCount(first.agent)} free of ${first.agent.slots.length} slots, ${slots} asked`
  const zones = [...new Set(shares.map(({ agent }) => agent.zone ?? 'no zone'))]
  return `agents ${shares.map(({ agent }) => agent.id).join(', ')} had all their ${first.slots.length} slots free, ${slots} asked, ${zones.length === 1 ? `in ${zones[0]}` : `no zone had enough of them: in ${zones.join(', ')}`}`
}
