import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { letGo, type Candidate, type Kept } from './retention.ts'

const of = (trialId: number, values: readonly (number | null)[]): Candidate[] => values.map((value, order) => ({ uuid: `${trialId}-${order}`, trialId, order, value, needed: false }))
const gone = (all: readonly Candidate[], kept: Partial<Kept>, smallerIsBetter = true): string[] => letGo(all, { experimentBest: 0, trialBest: 0, trialLatest: 0, ...kept }, smallerIsBetter).map((one) => one.uuid)

describe('what a policy lets go', () => {
  const all = [...of(1, [0.5, 0.2, 0.4]), ...of(2, [0.3, 0.1, 0.9])]
  test('the best of the experiment, the best and the latest of each trial stay', () => {
    expect(gone(all, { experimentBest: 2 })).toEqual(['1-0', '1-2', '2-0', '2-2'])
    expect(gone(all, { trialBest: 1 })).toEqual(['1-0', '1-2', '2-0', '2-2'])
    expect(gone(all, { trialBest: 1, trialLatest: 1 })).toEqual(['1-0', '2-0'])
    expect(gone(all, { trialLatest: 2 })).toEqual(['1-0', '2-0'])
    expect(gone(all, {})).toHaveLength(6)
    expect(gone(all, { trialBest: 9 })).toEqual([])
  })
  test('larger is better where the searcher says so; of equals the later stays', () => {
    expect(gone(all, { trialBest: 1 }, false)).toEqual(['1-1', '1-2', '2-0', '2-1'])
    expect(gone(of(1, [0.2, 0.2]), { trialBest: 1 })).toEqual(['1-0'])
  })
  test('what was not validated is never among the best, but may be the latest', () => {
    expect(gone(of(1, [null, 0.7, null]), { experimentBest: 5, trialBest: 5 })).toEqual(['1-0', '1-2'])
    expect(gone(of(1, [null, 0.7, null]), { trialBest: 1, trialLatest: 1 })).toEqual(['1-0'])
  })
  test('what is needed elsewhere stays, and takes no place of another', () => {
    const needed = of(1, [0.1, 0.2, 0.3]).map((one) => ({ ...one, needed: one.order === 1 }))
    expect(gone(needed, { trialBest: 1 })).toEqual(['1-2'])
    expect(gone(needed, {})).toEqual(['1-0', '1-2'])
  })
})

const candidate = fc.record({ trialId: fc.integer({ min: 1, max: 4 }), value: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), needed: fc.boolean() })
const world = fc.array(candidate, { maxLength: 30 }).map((rows) => rows.map((row, order): Candidate => ({ ...row, uuid: String(order).padStart(3, '0'), order })))
const policy = fc.record({ experimentBest: fc.nat(3), trialBest: fc.nat(3), trialLatest: fc.nat(3) })

test('in any world: as many latest and best as the policy says stay, a wider policy never lets more go, and applied again it lets nothing go', () => {
  fc.assert(fc.property(world, policy, fc.boolean(), (all, kept, smaller) => {
    const going = new Set(letGo(all, kept, smaller))
    const left = all.filter((one) => !going.has(one))
    expect([...going].some((one) => one.needed)).toBe(false)
    for (const rows of Map.groupBy(all, (one) => one.trialId).values()) {
      for (const one of rows.slice(-kept.trialLatest || rows.length)) expect(left).toContain(one)
      const values = rows.flatMap((one) => one.value ?? []).toSorted((a, b) => (smaller ? a - b : b - a)).slice(0, kept.trialBest)
      for (const value of values) expect(left.some((one) => one.trialId === rows[0]?.trialId && one.value === value)).toBe(true)
    }
    for (const key of ['experimentBest', 'trialBest', 'trialLatest'] as const) {
      for (const one of letGo(all, { ...kept, [key]: kept[key] + 1 }, smaller)) expect(going.has(one)).toBe(true)
    }
    expect(letGo(left, kept, smaller)).toEqual([])
  }), { numRuns: 1000 })
})
