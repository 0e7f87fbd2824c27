import { openIn } from '../schedule/fits.ts'
import { emptyOf } from '../schedule/gang.ts'
import { hostsOf, type Host } from './hosts.ts'
import { offersOf } from './offers.ts'
import { withNodes, type Simulation } from './simulate.ts'
import { imagined, roomOf, type Demand, type PoolView } from './view.ts'
import type { Offer } from './world.ts'

/** What one call of RunInstances should ask for. */
export interface Plan {
  offer: Offer
  gang: boolean
  count: number
  /** what it is for; empty = the pool keeps `minInstances` */
  demands: readonly Demand[]
}

/** Why something that waits gets no node, for the sentence that people read. */
export type Hindrance =
  | { kind: 'cap'; demand: Demand | null; missing: number; gangOf: number | null }
  | { kind: 'refused'; demand: Demand | null; offers: readonly Offer[] }
  /** no number of nodes of any listed type can take it */
  | { kind: 'never'; demand: Demand }
  | { kind: 'too-many'; demand: Demand; nodes: number }

export interface Planned {
  plan: Plan | null
  hindrances: readonly Hindrance[]
}

/** Slots of the nodes that a gang which is not whole yet counts on: idle ones wait for the others. Null = none. */
export function gangOf({ plan, hindrances }: Planned): number | null {
  if (plan?.gang) return plan.offer.slots
  return hindrances.find((hindrance) => hindrance.kind === 'cap')?.gangOf ?? null
}

/**
 * The next call for a pool, found by placing what waits on nodes that do not exist yet, one by one, with the
 * scheduler's own rule: exactly what is needed, in the order of the offers, never past the cap (I7). Whoever waits for
 * room under the cap is not passed by those behind; whoever waits for EC2's refusals to end is.
 */
export function planOf(view: PoolView, base: Simulation, kept: number): Planned {
  const offers = offersOf(view.pool)
  const hindrances: Hindrance[] = []
  const waitsBehind = new Set<number>()
  for (const demand of base.waiting) {
    if (waitsBehind.has(demand.slots)) continue
    const found = forOne(view, base, demand, offers)
    if (found === null) {
      waitsBehind.add(demand.slots)
      continue
    }
    if ('offer' in found) return { plan: found.gang ? found : grow(view, base, found, offers), hindrances }
    hindrances.push(found)
    if (found.kind === 'cap') return { plan: null, hindrances }
  }
  const warm = warmPlan(view, offers, kept)
  return { plan: warm && 'offer' in warm ? warm : null, hindrances: warm && 'kind' in warm ? [...hindrances, warm] : hindrances }
}

/** A plan for one that waits, what stands in its way, or null: it waits for nodes that are there. */
function forOne(view: PoolView, base: Simulation, demand: Demand, offers: readonly Offer[]): Plan | Hindrance | null {
  const hosts = hostsOf(view, base.left, demand, offers)
  if (hosts.kind === 'wait') return null
  if (hosts.kind !== 'open') return hosts
  const room = roomOf(view)
  let cap: Extract<Hindrance, { kind: 'cap' }> | null = null
  for (const host of hosts.hosts) {
    const nodes = nodesNeeded(view, base, demand, host)
    if (nodes === null) continue
    const sent = nodes <= room ? nodes : lackingOf(base, demand.pool, host)
    if (sent > 0 && sent <= room) return { offer: host.offer, gang: host.nodes > 1, count: sent, demands: [demand] }
    if (sent > 0 && (cap === null || sent < cap.missing)) cap = { kind: 'cap', demand, missing: sent, gangOf: host.nodes > 1 ? host.offer.slots : null }
  }
  return cap
}

/** How many more nodes of the offer place it now; null = not even all of its own: somebody ahead would get them. */
function nodesNeeded(view: PoolView, base: Simulation, demand: Demand, host: Host): number | null {
  const empty = emptyOf(openIn(demand.pool, base.left), host.offer.slots).length
  for (let nodes = Math.max(1, host.nodes - empty); nodes <= host.nodes; nodes++) {
    if (withNodes(base, newNodes(view, host.offer, 0, nodes)).placed.has(demand.allocation)) return nodes
  }
  return null
}

/** Where the cap leaves no room for all of a gang: so many that, once running work has ended, there are enough. */
function lackingOf(base: Simulation, pool: string, host: Host): number {
  if (host.nodes === 1) return 1
  return host.nodes - openIn(pool, base.left).filter((agent) => agent.slots.length === host.offer.slots).length
}

/** More nodes of the same offer, as long as each places one more that waits and would be tried there first. */
function grow(view: PoolView, base: Simulation, first: Plan, offers: readonly Offer[]): Plan {
  const room = roomOf(view)
  const failed = new Set<number>()
  const placed = new Set<string>()
  const grown = { nodes: 0, now: base }
  const add = (next: Demand): void => {
    const more = withNodes(grown.now, newNodes(view, first.offer, grown.nodes, 1))
    if (!more.placed.has(next.allocation)) return void failed.add(next.slots)
    grown.nodes += 1
    grown.now = more
    for (const allocation of more.placed.keys()) placed.add(allocation)
  }
  for (const demand of first.demands) add(demand)
  while (grown.nodes < room) {
    const next = grown.now.waiting.find((demand) => !failed.has(demand.slots))
    if (!next) break
    if (sameHost(view, grown.now, next, offers, first.offer)) add(next)
    else failed.add(next.slots)
  }
  return { ...first, count: grown.nodes, demands: base.waiting.filter((demand) => placed.has(demand.allocation)) }
}

function sameHost(view: PoolView, now: Simulation, demand: Demand, offers: readonly Offer[], offer: Offer): boolean {
  const hosts = hostsOf(view, now.left, demand, offers)
  const [first] = hosts.kind === 'open' ? hosts.hosts : []
  return first?.nodes === 1 && first.offer === offer
}

/** `minInstances` are kept; `kept` of them are there or come. */
function warmPlan(view: PoolView, offers: readonly Offer[], kept: number): Plan | Hindrance | null {
  const missing = view.pool.policy.minInstances - kept
  if (missing <= 0) return null
  const room = roomOf(view)
  const [first] = hostsOf(view, [], null, offers).hosts
  if (!first) return { kind: 'refused', demand: null, offers }
  return room === 0 ? { kind: 'cap', demand: null, missing, gangOf: null } : { offer: first.offer, gang: false, count: Math.min(missing, room), demands: [] }
}

function newNodes(view: PoolView, offer: Offer, from: number, nodes: number): ReturnType<typeof imagined>[] {
  return Array.from({ length: nodes }, (_, index) => imagined(`~${String(from + index).padStart(6, '0')}`, view.pool.policy.name, offer.zone, offer.slots))
}
