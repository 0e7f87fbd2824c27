import { dryMarkOf, limitBelow } from './offers.ts'
import type { Hindrance, Plan, Planned } from './plan.ts'
import type { Simulation } from './simulate.ts'
import type { Demand, PoolView } from './view.ts'
import { count, offerText, some, timeOfDay } from './words.ts'

/** What a launch is for and what it costs, with the numbers it follows from. */
export function launchReason(view: PoolView, { offer, count: nodes, demands, gang }: Plan): string {
  const { maxInstances, minInstances } = view.pool.policy
  const running = view.instances.length + view.launches.reduce((sum, launch) => sum + launch.count, 0)
  const cause = demands.length === 0 ? `min_instances is ${minInstances}` : `${waitText(demands)} (${some(demands.flatMap((demand) => demand.stands))})`
  const price = offer.perHour === null ? 'price not known' : `$${offer.perHour.toFixed(4)} an hour each`
  return `${cause}: ${nodes} x ${offerText(offer)}, ${count(offer.slots, 'slot')} each, ${price}${gang ? ', all or nothing' : ''}; ${count(running, 'instance')} of at most ${maxInstances} cost money now`
}

/**
 * The sentence that people read about the pool: what waits for EC2, what was refused, what comes next and when, or why
 * nothing is launched and the cure. '' = nothing waits.
 */
export function tellText(view: PoolView, base: Simulation, { plan, hindrances }: Planned, paused: string | null): string {
  const waiting = base.demands.filter((demand) => base.placed.get(demand.allocation)?.every((agent) => !agent.startsWith('~')) !== true)
  const warm = plan?.demands.length === 0 || hindrances.some((hindrance) => 'demand' in hindrance && hindrance.demand === null)
  if (waiting.length === 0 && !warm) return ''
  const what = waiting.length > 0 ? waitText(waiting) : `the pool keeps ${count(view.pool.policy.minInstances, 'instance')}`
  const parts = [what, ...comingText(view)]
  if (paused !== null) return [...parts, `nothing is launched, the pool is paused: ${paused}`].join('; ')
  parts.push(...refusedText(view, plan, hindrances), ...hindrances.flatMap((hindrance) => hindranceText(view, hindrance)))
  if (plan) parts.push(`next is ${plan.count} x ${offerText(plan.offer)}`)
  if (parts.length === 1) parts.push('they wait for work on the nodes that are there to end')
  return [...new Set(parts)].join('; ')
}

function waitText(demands: readonly Demand[]): string {
  const moving = demands.filter((demand) => demand.allocation.startsWith('~'))
  const slots = demands.reduce((sum, demand) => sum + demand.slots, 0)
  const wait = `${count(demands.length - moving.length, 'allocation')} ${demands.length - moving.length === 1 ? 'waits' : 'wait'}`
  const move = `the work of ${count(moving.length, 'spot instance')} that EC2 takes needs a new place`
  const who = [...(demands.length > moving.length ? [wait] : []), ...(moving.length > 0 ? [move] : [])].join(' and ')
  return `${who}, ${count(slots, 'slot')} in all`
}

function comingText({ instances, launches }: PoolView): string[] {
  const starting = instances.filter((instance) => instance.state === 'STARTING').length
  return [
    ...(starting > 0 ? [`${count(starting, 'instance')} ${starting === 1 ? 'is' : 'are'} starting`] : []),
    ...launches.filter((launch) => launch.count > 0).map((launch) => `EC2 is asked for ${launch.count} x ${offerText(launch)}${launch.openCode === null ? '' : ` (it answered ${launch.openCode}: asked again with the same token, which makes nothing twice)`}`),
  ]
}

/** What stood before the offer that comes next, or all that was refused where there is none. */
function refusedText(view: PoolView, plan: Plan | null, hindrances: readonly Hindrance[]): string[] {
  const all = hindrances.flatMap((hindrance) => (hindrance.kind === 'refused' ? hindrance.offers : []))
  const seen = [...new Set(all)].map((offer) => ({ offer, mark: dryMarkOf(view.pool, offer, view.now), limit: limitBelow(view.pool.policy, offer) }))
  const dry = view.pool.dry.filter((mark) => mark.until > view.now && (plan !== null || seen.length === 0 || seen.some((one) => one.mark === mark)))
  const texts: string[] = []
  if (dry.length > 0) {
    const names = dry.map((mark) => `${offerText({ ...mark, zone: mark.zone ?? 'every zone' })} (${mark.code})`)
    texts.push(`EC2 refused ${some(names)}, tried again from ${timeOfDay(Math.min(...dry.map((mark) => mark.until)))}`)
  }
  const dear = seen.filter((one) => one.limit !== null)
  if (dear.length > 0) texts.push(`too dear: ${some(dear.map(({ offer, limit }) => `${offerText(offer)} costs $${(offer.perHour ?? 0).toFixed(4)} an hour, the limit is $${limit ?? 0}`))}: raise the limit or wait`)
  return texts
}

function hindranceText(view: PoolView, hindrance: Hindrance): string[] {
  const { name, maxInstances, instanceTypes } = view.pool.policy
  switch (hindrance.kind) {
    case 'refused': return hindrance.offers.length === 0 ? [`EC2 has told of no type and place for pool ${name} (${instanceTypes.join(', ')}): check its credentials, instance_type and the subnets`] : []
    case 'cap': {
      const cost = view.instances.length + view.launches.reduce((sum, launch) => sum + launch.count, 0)
      return [`${hindrance.missing} more ${hindrance.missing === 1 ? 'is' : 'are'} needed and ${cost} of at most ${count(maxInstances, 'instance')} cost money now: raise max_instances, or wait until one ends`]
    }
    case 'never': return [`${hindrance.demand.stands.join(', ')} needs ${count(hindrance.demand.slots, 'slot')}, which no number of equal nodes gives (${typesText(view)}): ask for a multiple, or add a larger type`]
    case 'too-many': return [`${hindrance.demand.stands.join(', ')} needs ${count(hindrance.demand.slots, 'slot')}, that is ${hindrance.nodes} nodes, and max_instances is ${maxInstances}: ask for less, or raise it`]
  }
}

function typesText({ pool }: PoolView): string {
  const known = pool.policy.instanceTypes.map((type) => {
    const offer = slotsText(pool.types.find((facts) => facts.type === type)?.gpus, pool.policy.instanceSlots ?? (pool.policy.cpuSlotsAllowed ? 1 : 0))
    return `${type} ${offer}`
  })
  return known.join(', ')
}

function slotsText(gpus: number | undefined, other: number): string {
  return gpus === undefined ? 'is not known to EC2' : `has ${gpus > 0 ? gpus : other}`
}

