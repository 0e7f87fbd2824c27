import { largestIn, openIn } from '../schedule/fits.ts'
import type { ScheduleAgent } from '../schedule/world.ts'
import { dryMarkOf, limitBelow } from './offers.ts'
import type { Demand, PoolView } from './view.ts'
import type { Offer } from './world.ts'

/** An offer, and how many of its nodes one allocation takes. More than one = a gang. */
export interface Host {
  offer: Offer
  nodes: number
}

/** `open`: may be tried now, the first first. `wait`: only nodes that are there can take it. The rest: why there is none. */
export type Hosts =
  | { kind: 'open'; hosts: readonly Host[] }
  | { kind: 'wait'; hosts: readonly Host[] }
  | { kind: 'refused'; demand: Demand | null; offers: readonly Offer[]; hosts: readonly Host[] }
  | { kind: 'never'; demand: Demand; hosts: readonly Host[] }
  | { kind: 'too-many'; demand: Demand; nodes: number; hosts: readonly Host[] }

/** Which offers could take `demand`; null = any node will do, one with slots before one without. */
export function hostsOf(view: PoolView, capacity: readonly ScheduleAgent[], demand: Demand | null, offers: readonly Offer[]): Hosts {
  const all = demand === null ? anyHost(offers) : hostsFor(capacity, demand, offers)
  if (demand !== null && all.length === 0) {
    if (largestIn(demand.pool, capacity) >= Math.max(demand.slots, 1)) return { kind: 'wait', hosts: [] }
    // without offers EC2 has not been heard yet: nothing is known about what fits
    return offers.length === 0 ? { kind: 'refused', demand, offers, hosts: [] } : { kind: 'never', demand, hosts: [] }
  }
  const allowed = all.filter(({ offer, nodes }) => nodes - others(view, capacity, offer.slots) <= view.pool.policy.maxInstances)
  if (demand !== null && allowed.length === 0) return { kind: 'too-many', demand, nodes: Math.min(...all.map(({ nodes }) => nodes)), hosts: [] }
  const open = allowed.filter(({ offer }) => dryMarkOf(view.pool, offer, view.now) === null && limitBelow(view.pool.policy, offer) === null)
  if (open.length === 0) return { kind: 'refused', demand, offers: allowed.map(({ offer }) => offer), hosts: [] }
  return { kind: 'open', hosts: notReturned(view, demand, open) }
}

/** One node where a listed type, or an agent that is there, is large enough: what fits on one is never split. Refusals change nothing in that. */
function hostsFor(capacity: readonly ScheduleAgent[], { pool, slots }: Demand, offers: readonly Offer[]): readonly Host[] {
  const alone = offers.filter((offer) => offer.slots >= slots)
  if (alone.length > 0 || largestIn(pool, capacity) >= slots) return alone.map((offer) => ({ offer, nodes: 1 }))
  return offers.filter((offer) => offer.slots > 0 && slots % offer.slots === 0).map((offer) => ({ offer, nodes: slots / offer.slots }))
}

function anyHost(offers: readonly Offer[]): readonly Host[] {
  const withSlots = offers.filter((offer) => offer.slots > 0)
  return (withSlots.length > 0 ? withSlots : offers).map((offer) => ({ offer, nodes: 1 }))
}

/** Nodes of that size which are no instances of the pool: the cap does not count them. */
function others({ pool, instances }: PoolView, capacity: readonly ScheduleAgent[], size: number): number {
  return openIn(pool.policy.name, capacity).filter((agent) => agent.slots.length === size && !agent.id.startsWith('~') && !instances.some((instance) => instance.id === agent.id)).length
}

/** While a gang that was not whole is being given back, the offer it came from is tried last. */
function notReturned(view: PoolView, demand: Demand | null, hosts: readonly Host[]): readonly Host[] {
  if (demand === null) return hosts
  const going = view.instances.filter((instance) => instance.gang && (instance.state === 'RETIRING' || instance.state === 'TERMINATING') && instance.allocations.includes(demand.allocation))
  const returned = ({ offer }: Host): boolean => going.some((instance) => instance.type === offer.type && instance.zone === offer.zone && instance.market === offer.market)
  return [...hosts.filter((host) => !returned(host)), ...hosts.filter(returned)]
}
