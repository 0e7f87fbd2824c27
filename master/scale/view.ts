import { compare, freeCount } from '../schedule/fits.ts'
import { inOrder } from '../schedule/serve.ts'
import type { PendingAllocation, ScheduleAgent } from '../schedule/world.ts'
import type { ScaleInstance, ScaleLaunch, ScalePool, ScaleWorld } from './world.ts'

/** What concerns one pool, in an order of its own (I9). */
export interface PoolView {
  now: number
  pool: ScalePool
  /** by id */
  instances: readonly ScaleInstance[]
  /** the oldest first; `count` is what has not come yet */
  launches: readonly ScaleLaunch[]
  agents: readonly ScheduleAgent[]
  pending: readonly PendingAllocation[]
}

export function viewOf(world: ScaleWorld, pool: ScalePool): PoolView {
  const { name } = pool.policy
  const instances = world.instances.filter((instance) => instance.pool === name).sort((a, b) => compare(a.id, b.id))
  return {
    now: world.now, pool, instances,
    launches: world.launches.filter((launch) => launch.pool === name)
      .map((launch) => ({ ...launch, count: Math.max(0, launch.count - instances.filter((instance) => instance.launch === launch.launch).length) }))
      .sort((a, b) => a.decidedAt - b.decidedAt || compare(a.launch, b.launch)),
    agents: world.agents.filter((agent) => agent.pool === name),
    pending: inOrder(world.pending.filter((pending) => pending.pool === name)),
  }
}

/** It is there or comes, and nobody has decided its end. */
export function stays(instance: ScaleInstance): boolean {
  return instance.state === 'STARTING' || instance.state === 'READY'
}

/** Instances that a call may still make (I7): those under a spot notice are aside, up to twice the cap in all. */
export function roomOf({ pool, instances, launches }: PoolView): number {
  const asked = launches.reduce((sum, launch) => sum + launch.count, 0)
  const counted = instances.filter((instance) => instance.notice !== 'spot').length + asked
  const { maxInstances } = pool.policy
  return Math.max(0, Math.min(maxInstances - counted, 2 * maxInstances - instances.length - asked))
}

/** Nodes that have not registered, or do not exist yet, sort behind those that have: work goes where it can start now. */
export function imagined(id: string, pool: string, zone: string, slots: number): ScheduleAgent {
  return {
    id: `~${id}`, pool, zone, enabled: true, draining: false, suspect: false, leaving: false, aux: 0,
    slots: Array.from({ length: slots }, (_, index) => ({ id: `~${index}`, busy: false })),
  }
}

/** Nodes that work may be placed on, now or once they have registered; `going`: instances whose end this pass decides. */
export function capacityOf({ pool, instances, launches, agents }: PoolView, going: ReadonlySet<string>): readonly ScheduleAgent[] {
  const { name } = pool.policy
  const byId = new Map(instances.map((instance) => [instance.id, instance]))
  const here = agents.filter((agent) => {
    const instance = byId.get(agent.id)
    return !instance || (instance.state === 'READY' && instance.notice === null && !going.has(agent.id))
  })
  const starting = instances.filter((instance) => instance.state === 'STARTING' && instance.notice === null && !going.has(instance.id))
  return [
    ...here,
    ...starting.map((instance) => imagined(instance.id, name, instance.zone, instance.slots)),
    ...launches.flatMap((launch) => Array.from({ length: launch.count }, (_, index) => imagined(`${launch.launch}-${index}`, name, launch.zone, launch.slots))),
  ]
}

/** Work that must find a place. `stands` are the allocations that it stands for. */
export interface Demand extends PendingAllocation {
  stands: readonly string[]
}

/**
 * What waits, and before it what runs where EC2 is about to take the instance: the work of one node moves as a whole.
 */
export function demandOf({ pool, instances, agents, pending }: PoolView): readonly Demand[] {
  const moving = instances.filter((instance) => instance.notice === 'spot' && instance.live.length > 0).flatMap((instance): Demand[] => {
    const agent = agents.find((one) => one.id === instance.id)
    const busy = agent ? agent.slots.length - freeCount(agent) : 0
    if (!agent || (busy === 0 && agent.aux === 0)) return []
    return [{ allocation: `~${instance.id}`, pool: pool.policy.name, slots: busy, priority: 0, order: 0, stands: instance.live }]
  })
  return [...moving, ...pending.map((one) => ({ ...one, stands: [one.allocation] }))]
}
