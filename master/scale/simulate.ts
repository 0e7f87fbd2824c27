import { couldUse } from '../schedule/places.ts'
import { schedule } from '../schedule/schedule.ts'
import type { ScheduleAgent } from '../schedule/world.ts'
import type { Demand } from './view.ts'

/** What the scheduler would do on some set of nodes, existing or not. */
export interface Simulation {
  capacity: readonly ScheduleAgent[]
  demands: readonly Demand[]
  /** allocation -> its agents */
  placed: ReadonlyMap<string, readonly string[]>
  /** in the order in which they are served */
  waiting: readonly Demand[]
}

/** Runs the real scheduler: one fit rule for placing, launching and retiring. */
export function simulate(capacity: readonly ScheduleAgent[], demands: readonly Demand[]): Simulation {
  const placed = new Map<string, readonly string[]>()
  const waits: string[] = []
  for (const decision of schedule({ agents: capacity, pending: demands })) {
    if (decision.kind === 'assign') placed.set(decision.allocation, decision.members.map((member) => member.agent))
    else waits.push(decision.allocation)
  }
  const byId = new Map(demands.map((demand) => [demand.allocation, demand]))
  return { capacity, demands, placed, waiting: waits.flatMap((id) => byId.get(id) ?? []) }
}

/** Agents that work would be placed on, or that somebody waits for: they are not idle for nothing. */
export function neededIn({ capacity, placed, waiting }: Simulation): ReadonlySet<string> {
  return new Set([...[...placed.values()].flat(), ...waiting.flatMap((demand) => (demand.slots === 0 ? [] : couldUse(capacity, demand).map((agent) => agent.id)))])
}
