import { compare, fits, freeCount, freeSlots, largestOf, openIn, type Need, type Share } from './fits.ts'
import { gangPlaces, gangSizes } from './gang.ts'
import type { ComingNode, ScheduleAgent } from './world.ts'

/**
 * The one fit rule: scheduler, scale decider and retirement all ask it. All of it on one agent; only where the slots
 * exceed the largest open agent of the pool, on equal agents without work, all or nothing. `held`: agents that somebody
 * ahead waits for, null = it fits nowhere now.
 */
export function placesFor(agents: readonly ScheduleAgent[], need: Need, held: ReadonlySet<string> = new Set()): readonly Share[] | null {
  const open = openIn(need.pool, agents)
  const mine = need.slots === 0 ? open : open.filter((agent) => !held.has(agent.id))
  if (need.slots > largestOf(open)) return gangPlaces(mine, need.slots)
  const agent = bestFit(mine, need)
  return agent === null ? null : [{ agent, slots: freeSlots(agent).slice(0, need.slots) }]
}

/**
 * Agents that it could get if their work were over, those that must come counted in: what it waits for, and what
 * nobody behind may take. Empty = it can run on none of them, so it holds up nobody.
 */
export function couldUse(agents: readonly ScheduleAgent[], need: Need, coming: readonly ComingNode[] = []): readonly ScheduleAgent[] {
  const open = openIn(need.pool, agents)
  if (need.slots <= largestOf(open)) return open.filter((agent) => agent.slots.length >= need.slots)
  const sizes = gangSizes(open, need.slots)
    .filter(({ size, nodes, have }) => have + coming.filter((node) => node.pool === need.pool && node.slots === size).length >= nodes)
    .map(({ size }) => size)
  return open.filter((agent) => sizes.includes(agent.slots.length))
}

/** Fewest free slots left over, so that large gaps stay whole; then the smallest id. */
function bestFit(agents: readonly ScheduleAgent[], need: Need): ScheduleAgent | null {
  let best: ScheduleAgent | null = null
  for (const agent of agents) {
    if (fits(agent, need) && (best === null || (rest(agent, need) - rest(best, need) || compare(agent.id, best.id)) < 0)) best = agent
  }
  return best
}

function rest(agent: ScheduleAgent, need: Need): number {
  return need.slots === 0 ? agent.aux : freeCount(agent) - need.slots
}
