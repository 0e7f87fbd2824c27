import { compare } from '../schedule/fits.ts'
import type { End } from './ends.ts'
import type { PoolView } from './view.ts'
import { count, minutes } from './words.ts'

/**
 * READY instances that idle for too long and that nothing would be placed on: the longest idle first, never below
 * `minInstances` - except `makeRoom` of them, where the cap keeps what waits from nodes that can take it.
 */
export function idleEnds(view: PoolView, needed: ReadonlySet<string>, going: ReadonlySet<string>, makeRoom: number): readonly End[] {
  const { maxIdleMs, minInstances } = view.pool.policy
  const ready = view.instances.filter((instance) => instance.state === 'READY' && instance.notice === null && !going.has(instance.id))
  const spare = Math.max(0, ready.length - minInstances)
  return ready
    .flatMap(({ id, live, idleSince }) => {
      if (live.length > 0 || idleSince === null || needed.has(id) || view.now - idleSince < maxIdleMs) return []
      return [{ id, idleSince }]
    })
    .sort((a, b) => a.idleSince - b.idleSince || compare(a.id, b.id))
    .slice(0, Math.max(spare, makeRoom))
    .map(({ id, idleSince }, index) => ({
      kind: 'retire', instance: id,
      reason: `${id} idles for ${minutes(view.now - idleSince)}, ${minutes(maxIdleMs)} are allowed, and nothing that waits fits on it: ${index < spare
        ? `${ready.length - index - 1} others stay, min_instances is ${minInstances}`
        : `it makes room under the cap of ${count(view.pool.policy.maxInstances, 'instance')}`}`,
    }))
}
