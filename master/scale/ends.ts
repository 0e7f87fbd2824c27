import { stays, type PoolView } from './view.ts'
import type { ScaleDecision, ScaleInstance } from './world.ts'
import { count, minutes, some } from './words.ts'

/** An instance that was asked to drain and does not answer is ended after so long, unless it has live work (I8). */
export const DRAIN_MS = 60_000
/** So many boots in a row that never registered pause the pool. */
export const STRIKES_MAX = 3

export type End = Extract<ScaleDecision, { kind: 'retire' | 'terminate' }>

/**
 * Ends that need no look at what waits: drained, never registered, a gang that is not whole, about to be taken, more
 * than the cap allows. None of them touches an instance with a live allocation (I8), none follows from a list of EC2.
 */
export function endsOf(view: PoolView): readonly End[] {
  const ends = new Map<string, End>()
  const add = (end: End): void => {
    if (!ends.has(end.instance)) ends.set(end.instance, end)
  }
  for (const instance of view.instances.filter((one) => one.live.length === 0)) {
    const end = drainEnd(view, instance) ?? bootEnd(view, instance) ?? gangEnd(view, instance) ?? noticeEnd(instance)
    if (end) add(end)
  }
  for (const end of overCap(view, new Set(ends.keys()))) add(end)
  return [...ends.values()]
}

/** READY is asked to drain first; STARTING has no agent to ask. */
function giveBack(instance: ScaleInstance, reason: string): End {
  if (instance.state === 'READY') return { kind: 'retire', instance: instance.id, reason }
  return { kind: 'terminate', instance: instance.id, strike: false, reason }
}

function drainEnd({ now }: PoolView, { id, state, drained, retiringAt, silentMs }: ScaleInstance): End | null {
  if (state !== 'RETIRING') return null
  if (drained) return { kind: 'terminate', instance: id, strike: false, reason: `${id} has drained: it holds nothing and takes nothing` }
  const asked = now - (retiringAt ?? now)
  if (asked <= DRAIN_MS) return null
  const silence = silentMs === null ? 'its agent never spoke' : `its agent was last heard of ${minutes(silentMs)} ago`
  return { kind: 'terminate', instance: id, strike: false, reason: `${id} was asked to drain ${minutes(asked)} ago and has not: ${silence}, no allocation lives on it` }
}

function bootEnd({ now, pool }: PoolView, { id, state, launchedAt }: ScaleInstance): End | null {
  const age = now - launchedAt
  if (state !== 'STARTING' || age <= pool.policy.maxStartingMs) return null
  return {
    kind: 'terminate', instance: id, strike: true,
    reason: `${id} was launched ${minutes(age)} ago and its agent never registered, ${minutes(pool.policy.maxStartingMs)} are allowed: see its console output`,
  }
}

/** Its launch is settled, some of it did not come or ended, and what it was for still waits: the next offer is tried. */
function gangEnd(view: PoolView, instance: ScaleInstance): End | null {
  const { launch, launchCount, allocations } = instance
  if (!instance.gang || !stays(instance) || view.launches.some((open) => open.launch === launch)) return null
  const waiting = allocations.filter((allocation) => view.pending.some((pending) => pending.allocation === allocation))
  if (waiting.length === 0) return null
  const mates = view.instances.filter((mate) => mate.launch === launch && stays(mate) && mate.notice !== 'spot' && !bootEnd(view, mate))
  if (mates.length >= launchCount || mates.some((mate) => mate.live.length > 0)) return null
  return giveBack(instance, `${mates.length} of the ${count(launchCount, 'instance')} of its gang are there and ${some(waiting)} needs all of them: the rest is given back and the next offer tried`)
}

/** EC2 takes it soon, and it takes no more work. */
function noticeEnd(instance: ScaleInstance): End | null {
  if (instance.notice === null || !stays(instance)) return null
  return giveBack(instance, `EC2 gave a ${instance.notice} notice for ${instance.id}, which does no work`)
}

/** The cap was lowered: what does no work goes, the newest first, registered ones before those that start. */
function overCap({ pool, instances, launches }: PoolView, going: ReadonlySet<string>): readonly End[] {
  const left = instances.filter((instance) => stays(instance) && instance.notice !== 'spot' && !going.has(instance.id))
  const running = left.length + launches.reduce((sum, launch) => sum + launch.count, 0)
  const { name, maxInstances } = pool.policy
  return left
    .filter((instance) => instance.live.length === 0)
    .sort((a, b) => Number(a.state === 'STARTING') - Number(b.state === 'STARTING') || b.launchedAt - a.launchedAt)
    .slice(0, Math.max(0, running - maxInstances))
    .map((instance) => giveBack(instance, `pool ${name} has ${count(running, 'instance')}, at most ${maxInstances} are allowed`))
}
