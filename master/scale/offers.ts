import type { Market } from '../../protocol/words/instances.ts'
import type { DryMark, PoolPolicy, PriceFact, TypeFacts } from './pool.ts'
import type { Offer, ScalePool } from './world.ts'

/** Slots that a node of the type will have; 0 = it takes only work without slots. */
export function slotsOf(facts: TypeFacts, policy: PoolPolicy): number {
  if (facts.gpus > 0) return facts.gpus
  return policy.instanceSlots ?? (policy.cpuSlotsAllowed ? 1 : 0)
}

/** Every way to get a node of the pool, in the order in which they are tried; types that EC2 does not know are absent. */
export function offersOf(pool: ScalePool): readonly Offer[] {
  const { policy } = pool
  return marketsOf(policy).flatMap((market) => policy.instanceTypes.flatMap((type) => {
    const facts = pool.types.find((known) => known.type === type)
    if (!facts) return []
    const slots = slotsOf(facts, policy)
    return policy.places.map(({ subnet, zone }): Offer => ({ type, subnet, zone, market, slots, perHour: priceOf(pool.prices, type, zone, market) }))
  }))
}

/** Spot of every type and place before the first on-demand. */
function marketsOf(policy: PoolPolicy): readonly Market[] {
  return policy.market === 'spot-then-on-demand' ? ['spot', 'on-demand'] : [policy.market]
}

function priceOf(prices: readonly PriceFact[], type: string, zone: string, market: Market): number | null {
  const mine = prices.filter((price) => price.type === type && price.market === market)
  return (mine.find((price) => price.zone === zone) ?? mine.find((price) => price.zone === null))?.perHour ?? null
}

/** The mark that keeps an offer from being tried now; null = it may. */
export function dryMarkOf(pool: ScalePool, offer: Offer, now: number): DryMark | null {
  return pool.dry.find((mark) => mark.until > now && mark.type === offer.type && mark.market === offer.market && (mark.zone === null || mark.zone === offer.zone)) ?? null
}

/** The limit that an offer is above; null = none. A price that is not known is tried. */
export function limitBelow(policy: PoolPolicy, offer: Offer): number | null {
  const limits = [policy.maxPricePerHour, offer.market === 'spot' ? policy.spotMaxPrice : null].filter((limit) => limit !== null)
  const { perHour } = offer
  return perHour === null ? null : (limits.find((limit) => perHour > limit) ?? null)
}
