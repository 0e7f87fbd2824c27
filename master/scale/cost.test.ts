import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf } from './cost.ts'
import type { InstanceLife, Stay } from './life.ts'

const S = 1_000
const life = (over: Partial<InstanceLife> = {}): InstanceLife => ({ id: 'i-1', launchedAt: 0, registeredAt: 90 * S, goneAt: 7_600 * S, perHour: 5.672, slots: 4, causes: [{ experiment: 1, slots: 4 }], allocations: [], ...over })
const stay = (allocation: string, experiment: number, slots: number, from: number, to: number | null, over: Partial<Stay> = {}): Stay => ({ allocation, experiment, slots, assignedAt: from * S, endedAt: to === null ? null : to * S, committedAt: null, outcome: 'completed', ...over })
const cents = (dollars: number | null): number => Math.round((dollars ?? NaN) * 100) / 100

describe('cost', () => {
  test('one life, computed by hand to the cent', () => {
    // 7,600 s at $5.672 an hour = $11.97. Boot 90 s = $0.14. 10 s idle before the first = $0.02, for experiment 1.
    // Experiment 1: 4 of 4 slots for an hour = $5.67 useful. Experiment 2: 2 of 4 slots for an hour, half of it before its
    // checkpoint = $1.42 useful, $1.42 lost. The other 2 slots idle for that hour = $2.84, the last 300 s = $0.47.
    const { instances, experiments } = costOf([life({ allocations: [stay('t-1.1', 1, 4, 100, 3_700), stay('t-2.1', 2, 2, 3_700, 7_300, { outcome: 'lost', committedAt: 5_500 * S })] })], 9_999 * S)
    const [instance] = instances
    expect([instance?.total, instance?.boot, instance?.useful, instance?.lost, instance?.idle].map((n) => cents(n ?? null))).toEqual([11.97, 0.14, 7.09, 1.42, 3.32])
    expect(experiments.map((one) => [one.experiment, cents(one.total), cents(one.boot), cents(one.useful), cents(one.lost), cents(one.idle)])).toEqual([
      [1, 5.83, 0.14, 5.67, 0, 0.02],
      [2, 6.14, 0, 1.42, 1.42, 3.31],
    ])
  })

  test('whole seconds, and never less than sixty', () => {
    const total = (goneAt: number): number | null | undefined => costOf([life({ perHour: 3_600, registeredAt: null, goneAt })], 0).instances[0]?.total
    expect(total(12 * S)).toBeCloseTo(60, 9)
    expect(total(60 * S + 1)).toBeCloseTo(61, 9)
  })

  test('a boot that never registers is all boot, shared by the slots asked', () => {
    const { experiments } = costOf([life({ perHour: 36, registeredAt: null, goneAt: 100 * S, causes: [{ experiment: 1, slots: 3 }, { experiment: 2, slots: 1 }] })], 0)
    expect(experiments.map((one) => [one.experiment, one.boot, one.total])).toEqual([[1, 0.75, 0.75], [2, 0.25, 0.25]])
  })

  test('what runs is useful so far; a failed run without a checkpoint was for nothing; an older checkpoint does not help', () => {
    const run = (over: Partial<Stay>) => costOf([life({ perHour: 36, registeredAt: 0, goneAt: null, slots: 1, allocations: [stay('t-1.1', 1, 1, 0, 100, over)] })], 100 * S).instances[0]
    expect(run({ outcome: 'running', endedAt: null })).toMatchObject({ useful: 1, lost: 0, idle: 0 })
    expect(run({ outcome: 'failed' })).toMatchObject({ useful: 0, lost: 1 })
    expect(run({ outcome: 'failed', assignedAt: 50 * S, committedAt: 20 * S })).toMatchObject({ useful: 0, lost: 0.5, idle: 0.5 })
    expect(run({ outcome: 'lost', committedAt: 500 * S })).toMatchObject({ useful: 1, lost: 0 })
    expect(run({ outcome: 'saved' })).toMatchObject({ useful: 1, lost: 0 })
  })

  test('a price that is not known makes totals unknown, never 0, and names the instance', () => {
    const { instances, experiments } = costOf([life({ perHour: null }), life({ id: 'i-2', causes: [{ experiment: 7, slots: 1 }] })], 0)
    expect(instances[0]).toEqual({ id: 'i-1', total: null, boot: null, useful: null, idle: null, lost: null })
    expect(experiments).toMatchObject([{ experiment: 1, total: null, unpriced: ['i-1'] }, { experiment: 7, unpriced: [] }])
    expect(experiments[1]?.total).toBeCloseTo(11.974, 3)
  })

  test('kept warm: nobody pays until something ran there; work without slots shares a machine without slots', () => {
    const { experiments } = costOf([life({ perHour: 36, registeredAt: 0, goneAt: 300 * S, slots: 0, causes: [], allocations: [stay('a.1', 1, 0, 100, 200), stay('b.1', 2, 0, 100, 200)] })], 0)
    expect(experiments.map((one) => [one.experiment, one.useful, one.idle])).toEqual([[1, 0.5, 0], [2, 0.5, 1], [null, 0, 1]])
  })
})

const seconds = fc.integer({ min: 0, max: 20_000_000 })
const stays: fc.Arbitrary<Stay> = fc.record({
  allocation: fc.string({ maxLength: 3 }), experiment: fc.integer({ min: 1, max: 4 }), slots: fc.integer({ min: 0, max: 8 }), assignedAt: seconds, endedAt: fc.option(seconds),
  committedAt: fc.option(seconds), outcome: fc.constantFrom('completed', 'saved', 'lost', 'failed', 'running'),
})
const lives: fc.Arbitrary<InstanceLife[]> = fc.array(fc.record({
  id: fc.string({ maxLength: 3 }), launchedAt: seconds, registeredAt: fc.option(seconds), goneAt: fc.option(seconds), perHour: fc.double({ min: 0.01, max: 100, noNaN: true }), slots: fc.integer({ min: 0, max: 8 }),
  causes: fc.array(fc.record({ experiment: fc.integer({ min: 1, max: 4 }), slots: fc.integer({ min: 0, max: 8 }) }), { maxLength: 3 }), allocations: fc.array(stays, { maxLength: 6 }),
}), { maxLength: 4 })

test('conservation: experiments together pay what the instances cost, and each instance costs its time', () => {
  fc.assert(fc.property(lives, seconds, (all, now) => {
    const { instances, experiments } = costOf(all, now)
    for (const kind of ['total', 'boot', 'useful', 'idle', 'lost'] as const) {
      const paid = experiments.reduce((sum, one) => sum + (one[kind] ?? NaN), 0)
      const cost = instances.reduce((sum, one) => sum + (one[kind] ?? NaN), 0)
      expect(Math.abs(paid - cost)).toBeLessThan(1e-9)
    }
    for (const [index, one] of all.entries()) {
      const billed = Math.max(60, Math.ceil(((one.goneAt ?? now) - one.launchedAt) / 1_000)) / 3_600 * (one.perHour ?? NaN)
      expect(Math.abs((instances[index]?.total ?? NaN) - billed)).toBeLessThan(1e-9)
      for (const kind of ['boot', 'useful', 'idle', 'lost'] as const) expect(instances[index]?.[kind]).toBeGreaterThanOrEqual(0)
    }
  }), { numRuns: 1_000 })
})
