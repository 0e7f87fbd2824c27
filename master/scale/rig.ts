import type { PendingAllocation, ScheduleAgent } from '../schedule/world.ts'
import type { PoolPolicy } from './pool.ts'
import type { ScaleInstance, ScaleLaunch, ScalePool, ScaleWorld } from './world.ts'

/** Small worlds for tests; `now` is 1,000,000 s. */
export const NOW = 1_000_000_000

export function policyOf(over: Partial<PoolPolicy> = {}): PoolPolicy {
  return {
    name: 'p', region: 'us-east-1', instanceTypes: ['small'], places: [{ subnet: 'subnet-a', zone: 'a' }], market: 'on-demand', spotMaxPrice: null, maxPricePerHour: null,
    minInstances: 0, maxInstances: 5, maxStartingMs: 720_000, maxIdleMs: 300_000, instanceSlots: null, cpuSlotsAllowed: false, ...over,
  }
}

export function poolOf(policy: Partial<PoolPolicy> = {}, over: Partial<ScalePool> = {}): ScalePool {
  return {
    policy: policyOf(policy), types: [{ type: 'small', gpus: 1, vcpus: 4 }, { type: 'large', gpus: 4, vcpus: 16 }, { type: 'huge', gpus: 8, vcpus: 96 }],
    dry: [], prices: [], lastCallAt: null, callMs: 5_000, strikes: 0, paused: null, note: '', ...over,
  }
}

export function agentOf(id: string, slots: number, busy = 0, over: Partial<ScheduleAgent> = {}): ScheduleAgent {
  return {
    id, pool: 'p', enabled: true, draining: false, suspect: false, leaving: false, zone: 'a', aux: 0,
    slots: Array.from({ length: slots }, (_, index) => ({ id: `s${index}`, busy: index < busy })), ...over,
  }
}

/** READY, without work, idle for a second. */
export function instanceOf(id: string, slots: number, over: Partial<ScaleInstance> = {}): ScaleInstance {
  return {
    id, launch: `launch-${id}`, pool: 'p', type: slots === 1 ? 'small' : slots === 4 ? 'large' : 'huge', zone: 'a', market: 'on-demand', state: 'READY', slots, gang: false, launchCount: 1,
    allocations: [], launchedAt: NOW - 600_000, registeredAt: NOW - 500_000, live: [], idleSince: NOW - 1_000, notice: null, retiringAt: null, drained: false, silentMs: 1_000, ...over,
  }
}

export function startingOf(id: string, slots: number, over: Partial<ScaleInstance> = {}): ScaleInstance {
  return instanceOf(id, slots, { state: 'STARTING', launchedAt: NOW - 30_000, registeredAt: null, idleSince: null, silentMs: null, ...over })
}

export function launchOf(launch: string, count: number, slots: number, over: Partial<ScaleLaunch> = {}): ScaleLaunch {
  return { launch, pool: 'p', type: 'small', zone: 'a', market: 'on-demand', gang: false, count, slots, decidedAt: NOW - 2_000, calledAt: NOW - 1_000, openCode: null, allocations: [], ...over }
}

export function pendingOf(allocation: string, slots: number, order = 1, over: Partial<PendingAllocation> = {}): PendingAllocation {
  return { allocation, pool: 'p', slots, priority: 42, order, ...over }
}

export function worldOf(over: Partial<ScaleWorld> = {}): ScaleWorld {
  return { now: NOW, pools: [poolOf()], agents: [], pending: [], launches: [], instances: [], ...over }
}
