import { compare } from '../schedule/fits.ts'
import { endsOf, STRIKES_MAX, type End } from './ends.ts'
import { idleEnds } from './idle.ts'
import { gangOf, planOf, type Planned } from './plan.ts'
import { neededIn, simulate } from './simulate.ts'
import { launchReason, tellText } from './tell.ts'
import { capacityOf, demandOf, roomOf, stays, viewOf, type PoolView } from './view.ts'
import type { ScaleDecision, ScaleLaunch, ScalePool, ScaleWorld } from './world.ts'

/** The answer of a call is awaited for so long before it is asked for again, with the same token. */
export const ANSWER_MS = 15_000
/** An intent whose call was never begun is taken up after so long: its maker may be about to begin. */
export const BEGIN_MS = 5_000

/**
 * What to launch, retire and end, each with its reason. Pools one after the other by name; of each first the ends,
 * then at most one call of RunInstances, then the sentence for people where it changes. Same world, same decisions in
 * the same order (I9); nothing to do, no decision (I10). Never past the cap (I7), never an end under live work (I8).
 */
export function scale(world: ScaleWorld): ScaleDecision[] {
  const pools = [...world.pools].sort((a, b) => compare(a.policy.name, b.policy.name))
  return [...pools.flatMap((pool) => scalePool(viewOf(world, pool))), ...strays(world)]
}

function scalePool(view: PoolView): ScaleDecision[] {
  const { pool, now } = view
  const ends = endsOf(view)
  const pause = pauseOf(view, ends)
  const going = new Set(ends.map((end) => end.instance))
  const base = simulate(capacityOf(view, going), demandOf(view))
  const planned = planOf(view, base, keptOf(view, going))
  const paused = pause?.reason ?? pool.paused
  const mayCall = paused === null && (pool.lastCallAt === null || now - pool.lastCallAt >= pool.callMs)
  const size = paused === null ? gangOf(planned) : null
  const needed = new Set([...neededIn(base), ...view.instances.filter((instance) => instance.slots === size).map((instance) => instance.id)])
  const text = tellText(view, base, planned, paused)
  return [
    ...ends,
    ...(pause ? [pause] : []),
    ...idleEnds(view, needed, going, makeRoom(view, planned, paused)),
    ...(mayCall ? callOf(view, planned) : []),
    ...(text === pool.note ? [] : [{ kind: 'tell' as const, pool: pool.policy.name, text }]),
  ]
}

/** An answer that is missing first: until it is known, nobody knows what that call has made. */
function callOf(view: PoolView, { plan }: Planned): ScaleDecision[] {
  const unknown = view.launches.find((launch) => isDue(launch, view.now))
  if (unknown) {
    return [{ kind: 'call-again', launch: unknown.launch, reason: `${openSince(unknown, view.now)}: asked again for ${unknown.count} x ${unknown.type} in ${unknown.zone} with the same token, which makes no more than one set` }]
  }
  if (!plan) return []
  const allocations = [...new Set(plan.demands.flatMap((demand) => demand.stands))]
  return [{ kind: 'launch', pool: view.pool.policy.name, offer: plan.offer, gang: plan.gang, count: plan.count, allocations, reason: launchReason(view, plan) }]
}

function openSince({ calledAt, openCode }: ScaleLaunch, now: number): string {
  if (calledAt !== null) return `EC2 has not answered for ${Math.round((now - calledAt) / 1_000)} s`
  return openCode === null ? 'its call was never begun' : `EC2 answered ${openCode}`
}

function isDue({ calledAt, decidedAt }: ScaleLaunch, now: number): boolean {
  return calledAt === null ? now - decidedAt > BEGIN_MS : now - calledAt > ANSWER_MS
}

function pauseOf({ pool }: PoolView, ends: readonly End[]): Extract<ScaleDecision, { kind: 'pause' }> | null {
  const strikes = pool.strikes + ends.filter((end) => end.kind === 'terminate' && end.strike).length
  if (pool.paused !== null || strikes < STRIKES_MAX) return null
  return { kind: 'pause', pool: pool.policy.name, reason: `${strikes} instances in a row booted and never registered: look at their console output, cure the image or the network, then resume the pool` }
}

/** Instances that stay or come and take work. */
function keptOf({ instances, launches }: PoolView, going: ReadonlySet<string>): number {
  const staying = instances.filter((instance) => stays(instance) && instance.notice === null && !going.has(instance.id))
  return staying.length + launches.reduce((sum, launch) => sum + launch.count, 0)
}

/** How many idle nodes that nobody can use must go before what waits gets its own; those on their way out count. */
function makeRoom(view: PoolView, { hindrances }: Planned, paused: string | null): number {
  const cap = hindrances.find((hindrance) => hindrance.kind === 'cap')
  if (!cap || cap.demand === null || paused !== null) return 0
  const leaving = view.instances.filter((instance) => !stays(instance) && instance.notice !== 'spot').length
  return Math.max(0, cap.missing - roomOf(view) - leaving)
}

/** Instances of pools that the configuration no longer names: they end as soon as no work lives on them. */
function strays(world: ScaleWorld): ScaleDecision[] {
  const known = new Set(world.pools.map((pool) => pool.policy.name))
  const names = [...new Set(world.instances.map((instance) => instance.pool))].filter((name) => !known.has(name)).sort(compare)
  return names.flatMap((name) => endsOf(viewOf(world, poolWithoutPolicy(name))))
}

function poolWithoutPolicy(name: string): ScalePool {
  return {
    policy: {
      name, region: '', instanceTypes: [], places: [], market: 'on-demand', spotMaxPrice: null, maxPricePerHour: null, minInstances: 0, maxInstances: 0,
      maxStartingMs: Number.MAX_SAFE_INTEGER, maxIdleMs: 0, instanceSlots: null, cpuSlotsAllowed: false,
    },
    types: [], dry: [], prices: [], lastCallAt: null, callMs: 0, strikes: 0, paused: null, note: '',
  }
}
