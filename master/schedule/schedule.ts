import { compare, freeCount, type Share } from './fits.ts'
import { serve } from './serve.ts'
import { waitReason } from './wait-reason.ts'
import type { ScheduleDecision, ScheduleWorld } from './world.ts'

/**
 * First in, first out within priority, per pool. Whoever could run here but must wait keeps the agents that it could
 * use from those behind: no starvation of the head, and two gangs never wait for each other. Whoever can run on no
 * agent of the pool, even an empty one, holds up nobody. Same world, same decisions in the same order (I9); a slot is
 * given once (I1); a gang is one decision.
 */
export function schedule(world: ScheduleWorld): ScheduleDecision[] {
  return serve(world).served.map(({ pending, shares, agents, ahead }): ScheduleDecision => {
    const { allocation, slots } = pending
    if (shares === null) return { kind: 'wait', allocation, reason: waitReason(pending, agents, ahead) }
    const members = shares.map((share, rank) => ({ rank, agent: share.agent.id, slots: share.slots }))
    return { kind: 'assign', allocation, members, reason: assignReason(shares, slots) }
  })
}

function assignReason(shares: readonly Share[], slots: number): string {
  const [first] = shares
  if (!first || slots === 0) return `agent ${first?.agent.id ?? ''} takes work without slots`
  if (shares.length === 1) return `agent ${first.agent.id} had ${freeCount(first.agent)} free of ${first.agent.slots.length} slots, ${slots} asked`
  const zones = [...new Set(shares.map(({ agent }) => agent.zone ?? 'no zone'))].sort(compare)
  return `agents ${shares.map(({ agent }) => agent.id).join(', ')} had all their ${first.slots.length} slots free, ${slots} asked, ${zones.length === 1 ? `in ${zones[0]}` : `no zone had enough of them: in ${zones.join(', ')}`}`
}
