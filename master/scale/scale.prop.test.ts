import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scale } from './decide.ts'
import { Herd, type Fate, type Job } from './model.rig.ts'
import { poolOf } from './rig.ts'
import type { ScalePool } from './world.ts'

const RUNS = { numRuns: 1_000 }
const TURNS_MAX = 400
const TYPES: Readonly<Record<string, number>> = { small: 1, large: 4, huge: 8 }

const pools: fc.Arbitrary<ScalePool> = fc.record({
  instanceTypes: fc.uniqueArray(fc.constantFrom('small', 'large', 'huge'), { minLength: 1, maxLength: 3 }),
  market: fc.constantFrom('on-demand', 'spot', 'spot-then-on-demand'),
  minInstances: fc.integer({ min: 0, max: 2 }),
  maxInstances: fc.integer({ min: 2, max: 5 }),
  two: fc.boolean(),
}).map(({ two, ...policy }) => poolOf({ ...policy, maxIdleMs: 30_000, maxStartingMs: 40_000, places: [{ subnet: null, zone: 'a' }, ...(two ? [{ subnet: null, zone: 'b' }] : [])] }))
const jobs: fc.Arbitrary<Job[]> = fc.uniqueArray(
  fc.record({ allocation: fc.integer({ min: 1, max: 99 }).map((n) => `t-${n}.1`), pool: fc.constant('p'), slots: fc.constantFrom(0, 1, 1, 1, 2, 3, 4, 8, 12, 16, 40), priority: fc.integer({ min: 1, max: 2 }), order: fc.integer({ min: 1, max: 9 }), steps: fc.integer({ min: 1, max: 8 }) }),
  { selector: (job) => job.allocation, maxLength: 8 },
)
const fates: fc.Arbitrary<Fate> = fc.record({
  calls: fc.array(fc.constantFrom('made', 'made', 'capacity', 'reply-lost', 'never-begun', 'one-dies'), { maxLength: 8 }),
  notices: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
})

/** An oracle of its own: can it run on nodes of some listed type, whole or as a gang, under the cap? */
function canEverRun(pool: ScalePool, slots: number): boolean {
  const sizes = pool.policy.instanceTypes.map((type) => TYPES[type] ?? 0)
  if (sizes.some((size) => size >= slots)) return true
  return sizes.some((size) => slots % size === 0 && slots / size <= pool.policy.maxInstances)
}

/** Turns until three in a row decide nothing and nothing is on its way. */
function settle(herd: Herd): void {
  for (let turn = 0, silent = 0; silent < 12; turn++) {
    if (turn > TURNS_MAX) throw new Error(`never silent (I10): ${JSON.stringify(scale(herd.world()))}, ${herd.instances.map((one) => `${one.id} ${one.type} ${one.state}`).join(', ')}, waits: ${herd.pending.map((one) => one.slots).join(' ')}`)
    silent = herd.turn().length === 0 && herd.quiet() ? silent + 1 : 0
  }
}

describe('scale, any world', () => {
  test('I7, I8, I10: caps and live work hold at every step; in the end all that can run has run, nothing idles beyond its limit, all is silent', () => {
    fc.assert(fc.property(pools, jobs, fates, (pool, all, fate) => {
      const herd = new Herd(pool, all, fate)
      settle(herd)
      expect(herd.pending.filter((job) => canEverRun(pool, job.slots))).toEqual([])
      expect(herd.pending.every((job) => all.some((one) => one.slots === job.slots))).toBe(true)
      expect(herd.instances.length).toBe(pool.policy.minInstances)
      expect(herd.pending.length > 0).toBe(herd.note !== '')
    }), RUNS)
  }, 120_000)

  test('I9: the same world in any order of listing gives the same decisions in the same order', () => {
    fc.assert(fc.property(pools, jobs, fates, fc.integer({ min: 0, max: 20 }), (pool, all, fate, turns) => {
      const herd = new Herd(pool, all, fate)
      for (let turn = 0; turn < turns; turn++) herd.turn()
      const world = herd.world()
      const mirrored = { ...world, agents: world.agents.toReversed(), pending: world.pending.toReversed(), launches: world.launches.toReversed(), instances: world.instances.toReversed() }
      expect(scale(mirrored)).toEqual(scale(world))
    }), RUNS)
  }, 120_000)

  test('exactly what is needed: without faults never more nodes than the work asks for', () => {
    fc.assert(fc.property(pools, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }), (pool, sizes) => {
      const calm = { ...pool, policy: { ...pool.policy, minInstances: 0, instanceTypes: ['large'], maxInstances: 9 } }
      const herd = new Herd(calm, sizes.map((slots, n) => ({ allocation: `t-${n}.1`, pool: 'p', slots, priority: 1, order: n, steps: 30 })), { calls: [], notices: [] })
      herd.turn()
      expect(herd.instances.length).toBe(packed(sizes, 4))
      settle(herd)
      expect(herd.made).toBe(packed(sizes, 4))
    }), RUNS)
  }, 120_000)

  test('boots that never register: three strikes, then no more money is spent', () => {
    const herd = new Herd(poolOf({ maxStartingMs: 40_000 }), [{ allocation: 'a.1', pool: 'p', slots: 1, priority: 1, order: 1, steps: 1 }], { calls: Array.from({ length: 9 }, () => 'no-boot' as const), notices: [] })
    settle(herd)
    expect(herd.made).toBe(3)
    expect(herd.note).toMatch(/the pool is paused: 3 instances in a row booted and never registered/)
  })
})

/** Nodes that best fit in this order needs. */
function packed(sizes: readonly number[], node: number): number {
  const free: number[] = []
  for (const size of sizes) {
    const fit = free.filter((left) => left >= size).sort((a, b) => a - b)[0]
    if (fit === undefined) free.push(node - size)
    else free[free.indexOf(fit)] = fit - size
  }
  return free.length
}
