import { couldUse } from '../schedule/places.ts'
import { serve } from '../schedule/serve.ts'
import type { ScheduleAgent } from '../schedule/world.ts'
import type { Demand } from './view.ts'

/** What the scheduler would do on some set of nodes, existing or not. */
export interface Simulation {
  demands: readonly Demand[]
  /** allocation -> its agents */
  placed: ReadonlyMap<string, readonly string[]>
  /** in the order in which they are served */
  waiting: readonly Demand[]
  /** the nodes, with what was placed on them */
  left: readonly ScheduleAgent[]
}

/** Runs the real scheduler: one fit rule for placing, launching and retiring. */
export function simulate(capacity: readonly ScheduleAgent[], demands: readonly Demand[]): Simulation {
  const { served, left } = serve({ agents: capacity, pending: demands })
  const placed = new Map<string, readonly string[]>()
  for (const { pending, shares } of served) if (shares !== null) placed.set(pending.allocation, shares.map((share) => share.agent.id))
  return { demands, placed, waiting: served.filter((one) => one.shares === null).map((one) => one.pending), left }
}

/** What more nodes would change: whoever has a place keeps it, the rest is served again. */
export function withNodes(before: Simulation, nodes: readonly ScheduleAgent[]): Simulation {
  return simulate([...before.left, ...nodes], before.waiting)
}

/** Agents that work would be placed on, or that somebody waits for: they are not idle for nothing. */
export function neededIn({ left, placed, waiting }: Simulation): ReadonlySet<string> {
  return new Set([...[...placed.values()].flat(), ...waiting.flatMap((demand) => (demand.slots === 0 ? [] : couldUse(left, demand).map((agent) => agent.id)))])
}
