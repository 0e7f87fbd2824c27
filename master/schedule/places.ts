import { compare, fits, freeCount, freeSlots, largestIn, openIn, type Need, type Share } from './fits.ts'
import { gangPlaces, gangSizes } from './gang.ts'
import type { ComingNode, ScheduleAgent } from './world.ts'

/**
 * The one fit rule: scheduler, scale decider and retirement all ask it. All of it on one agent; only where the slots
 * exceed the largest open agent of the pool, on equal agents without work, all or nothing. `held`: agents that somebody
 * ahead waits for, null = it fits nowhere now.
 */
export function placesFor(agents: readonly ScheduleAgent[], need: Need, held: ReadonlySet<string> = new Set()): readonly Share[] | null {
  if (need.slots > largestIn(need.pool, agents)) return gangPlaces(openIn(need.pool, agents).filter((agent) => !held.has(agent.id)), need.slots)
  const agent = bestFit(agents, need, held)
  return agent === null ? null : [{ agent, slots: freeSlots(agent).slice(0, need.slots) }]
}

/**
 * Agents that it could get if their work were over, those that must come counted in: what it waits for, and what
 * nobody behind may take. Empty = it can run on none of them, so it holds up nobody.
 */
export function couldUse(agents: readonly ScheduleAgent[], need: Need, coming: readonly ComingNode[] = []): readonly ScheduleAgent[] {
  const open = openIn(need.pool, agents)
  if (need.slots <= largestIn(need.pool, agents)) return open.filter((agent) => agent.slots.length >= need.slots)
  const sizes = gangSizes(open, need.slots)
    .filter(({ size, nodes, have }) => have + coming.filter((node) => node.pool === need.pool && node.slots === size).length >= nodes)
    .map(({ size }) => size)
  return open.filter((agent) => sizes.includes(agent.slots.length))
}

/** Fewest free slots left over, so that large gaps stay whole; then the smallest id. Work without slots is held up by nobody. */
function bestFit(agents: readonly ScheduleAgent[], need: Need, held: ReadonlySet<string>): ScheduleAgent | null {
  let best: ScheduleAgent | null = null
  let bestRest = Infinity
  for (const agent of agents) {
    if (!fits(agent, need) || (need.slots > 0 && held.has(agent.id))) continue
    const rest = need.slots === 0 ? agent.aux : freeCount(agent) - need.slots
    if (best !== null && (rest - bestRest || compare(agent.id, best.id)) >= 0) continue
    best = agent
    bestRest = rest
  }
  return best
}
