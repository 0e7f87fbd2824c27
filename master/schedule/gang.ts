import { compare, freeCount, freeSlots, type Share } from './fits.ts'
import type { ScheduleAgent } from './world.ts'

/** One way to split: `nodes` agents that have exactly `size` slots; `have` of them are there. */
export interface GangSize {
  size: number
  nodes: number
  have: number
}

/** Every way to split `slots` evenly over whole agents, the largest agents first. */
export function gangSizes(open: readonly ScheduleAgent[], slots: number): readonly GangSize[] {
  const count = new Map<number, number>()
  for (const agent of open) count.set(agent.slots.length, (count.get(agent.slots.length) ?? 0) + 1)
  return [...count]
    .filter(([size]) => size > 0 && slots % size === 0)
    .sort(([a], [b]) => b - a)
    .map(([size, have]) => ({ size, nodes: slots / size, have }))
}

/** The fewest and largest agents without work, in one zone where that is possible, by id. Null = not now: all or nothing. */
export function gangPlaces(open: readonly ScheduleAgent[], slots: number): readonly Share[] | null {
  for (const { size, nodes } of gangSizes(open, slots)) {
    const empty = emptyOf(open, size)
    if (empty.length < nodes) continue
    const members = inOneZone(empty, nodes) ?? empty
    return members.toSorted((a, b) => compare(a.id, b.id)).slice(0, nodes).map((agent) => ({ agent, slots: freeSlots(agent) }))
  }
  return null
}

/** Agents of that size with no busy slot. */
export function emptyOf(open: readonly ScheduleAgent[], size: number): readonly ScheduleAgent[] {
  return open.filter((agent) => agent.slots.length === size && freeCount(agent) === size)
}

/** Those of the zone with the fewest to spare; null = no zone has enough. */
function inOneZone(agents: readonly ScheduleAgent[], nodes: number): readonly ScheduleAgent[] | null {
  const zones = Map.groupBy(agents, (agent) => agent.zone)
  const [best] = [...zones].filter(([, all]) => all.length >= nodes).sort(([a, x], [b, y]) => x.length - y.length || compare(a ?? '', b ?? ''))
  return best?.[1] ?? null
}
