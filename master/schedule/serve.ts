import { compare, type Share } from './fits.ts'
import { couldUse, placesFor } from './places.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleWorld } from './world.ts'

/** What one allocation gets, and what it saw when it was served. */
export interface Served<P extends PendingAllocation> {
  pending: P
  /** by agent id; null = it waits */
  shares: readonly Share[] | null
  /** all agents of its pool, with what those before it were given */
  agents: readonly ScheduleAgent[]
  /** how many before it wait for agents of the pool that they could use */
  ahead: number
}

/** The scheduler without its words; the scale decider asks it about nodes that need not exist. */
export function serve<P extends PendingAllocation>(world: Pick<ScheduleWorld, 'agents' | 'coming'> & { pending: readonly P[] }): { served: Served<P>[]; left: readonly ScheduleAgent[] } {
  const pools = new Map<string, Pool>()
  for (const agent of world.agents) pools.set(agent.pool, pools.get(agent.pool) ?? openPool(agent.pool, world.agents))
  const served = inOrder(world.pending).map((pending): Served<P> => {
    const pool = pools.get(pending.pool) ?? openPool(pending.pool, [])
    const { agents } = pool
    // what found no place finds none behind itself: slots are only taken, agents only held
    const shares = pool.waits.has(pending.slots) ? null : placesFor(agents, pending, pool.held)
    const ahead = pending.slots === 0 ? 0 : pool.ahead
    for (const share of shares ?? []) pool.agents = pool.agents.with(pool.agents.indexOf(share.agent), take(share))
    if (shares === null) wait(pool, pending, world.coming)
    return { pending, shares, agents, ahead }
  })
  return { served, left: [...pools.values()].flatMap((pool) => pool.agents) }
}

interface Pool {
  agents: readonly ScheduleAgent[]
  /** agents that somebody ahead waits for */
  readonly held: Set<string>
  /** how many wait for them */
  ahead: number
  /** numbers of slots that found no place, and whether they hold agents */
  readonly waits: Map<number, boolean>
}

function openPool(name: string, agents: readonly ScheduleAgent[]): Pool {
  return { agents: agents.filter((agent) => agent.pool === name).sort((a, b) => compare(a.id, b.id)), held: new Set(), ahead: 0, waits: new Map() }
}

function wait(pool: Pool, { pool: name, slots }: PendingAllocation, coming: ScheduleWorld['coming']): void {
  if (!pool.waits.has(slots)) {
    const wanted = slots === 0 ? [] : couldUse(pool.agents, { pool: name, slots }, coming)
    for (const agent of wanted) pool.held.add(agent.id)
    pool.waits.set(slots, wanted.length > 0)
  }
  if (pool.waits.get(slots)) pool.ahead += 1
}

/** The order in which they are served. */
export function inOrder<P extends PendingAllocation>(pending: readonly P[]): P[] {
  return [...pending].sort((a, b) => a.priority - b.priority || a.order - b.order || compare(a.allocation, b.allocation))
}

function take({ agent, slots }: Share): ScheduleAgent {
  if (slots.length === 0) return { ...agent, aux: agent.aux + 1 }
  return { ...agent, slots: agent.slots.map((slot) => (slots.includes(slot.id) ? { ...slot, busy: true } : slot)) }
}
