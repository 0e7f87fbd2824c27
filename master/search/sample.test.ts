import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hyperparameter, HyperparameterSpace } from '../../protocol/words/search-config.ts'
import { draw } from './draw.ts'
import { gridPoint, gridSize } from './grid.ts'
import { sample, trialSeed } from './sample.ts'

const trials = Array.from({ length: 4_000 }, (_, trial) => trial)
const drawn = (leaf: Hyperparameter): unknown[] => trials.map((trial) => sample({ h: leaf }, 3, trial)['h'])
const share = (values: readonly unknown[], is: (value: number) => boolean): number => values.filter((value) => is(Number(value))).length / values.length

describe('draws', () => {
  test('are even, from 0 up to 1, over trials and over seeds', () => {
    for (const values of [trials.map((trial) => draw(1, trial, 'a')), trials.map((seed) => draw(seed, 1, 'a'))]) {
      for (let tenth = 0; tenth < 10; tenth += 1) expect(share(values, (value) => Math.floor(value * 10) === tenth)).toBeGreaterThan(0.08)
      expect(new Set(values).size).toBe(values.length)
      expect(values.every((value) => value >= 0 && value < 1)).toBe(true)
    }
  })
  test('of two names have nothing to do with each other', () => {
    const [a, b] = ['["a"]', '["b"]'].map((name) => trials.map((trial) => draw(1, trial, name) - 0.5)) as [number[], number[]]
    const correlation = a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0) / trials.length * 12
    expect(Math.abs(correlation)).toBeLessThan(0.06)
  })
  test('are the same today and tomorrow', () => {
    expect([draw(0, 0, ''), draw(7, 3, '["lr"]'), draw(2 ** 31 - 1, 99_999, '["a","b"]')]).toEqual([0.9720060415893703, 0.347688161935211, 0.3843543195907164])
  })
})

describe('samples', () => {
  test('int: both ends and all between, alike', () => {
    const values = drawn({ type: 'int', minval: -1, maxval: 2, count: null })
    for (const one of [-1, 0, 1, 2]) expect(share(values, (value) => value === one)).toBeGreaterThan(0.2)
    expect(new Set(values).size).toBe(4)
  })
  test('double: even; log: even in its exponent; categorical: all alike; const: itself', () => {
    expect(share(drawn({ type: 'double', minval: 2, maxval: 4, count: null }), (value) => value < 2.5)).toBeCloseTo(0.25, 1)
    const logs = drawn({ type: 'log', minval: -4, maxval: 0, base: 10, count: null })
    expect(share(logs, (value) => value < 1e-3)).toBeCloseTo(0.25, 1)
    expect(share(logs, (value) => value >= 1e-4 && value <= 1)).toBe(1)
    expect(share(drawn({ type: 'categorical', vals: [1, 2] }), (value) => value === 1)).toBeCloseTo(0.5, 1)
    expect(new Set(drawn({ type: 'const', val: null }))).toEqual(new Set([null]))
  })
  test('nests keep their shape, and neither order nor number of the other names changes a value', () => {
    const a: Hyperparameter = { type: 'double', minval: 0, maxval: 1, count: null }
    const point = sample({ n: { a, m: { a } }, z: { type: 'const', val: [1] } }, 5, 2)
    expect(point).toEqual({ n: { a: expect.any(Number), m: { a: expect.any(Number) } }, z: [1] })
    expect(sample({ y: a, n: { m: { a }, a } }, 5, 2)['n']).toEqual(point['n'])
  })
  test('the widest ranges stay inside', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat(), (x, y, trial) => {
      const [minval, maxval] = [Math.min(x, y), Math.max(x, y)]
      const value = Number(sample({ h: { type: 'double', minval, maxval, count: null } }, 1, trial)['h'])
      return value >= minval && value <= maxval
    }))
  })
  test('the first trial has the seed of the experiment, the others their own', () => {
    const seeds = trials.map((trial) => trialSeed(7, trial))
    expect(seeds[0]).toBe(7)
    expect(new Set(seeds).size).toBeGreaterThan(3_990)
    expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)).toBe(true)
  })
})

describe('grid', () => {
  const points = (space: HyperparameterSpace): Record<string, unknown>[] => Array.from({ length: gridSize(space) }, (_, number) => gridPoint(space, number))
  test('the product of all values, the last name turning fastest', () => {
    expect(points({ c: { type: 'const', val: 'c' }, b: { type: 'categorical', vals: [10, 20] }, a: { type: 'int', minval: 0, maxval: 2, count: 100 } })).toEqual([
      { a: 0, b: 10, c: 'c' }, { a: 0, b: 20, c: 'c' }, { a: 1, b: 10, c: 'c' }, { a: 1, b: 20, c: 'c' }, { a: 2, b: 10, c: 'c' }, { a: 2, b: 20, c: 'c' },
    ])
  })
  test('points lie evenly from end to end', () => {
    expect(points({ h: { type: 'double', minval: 0, maxval: 1, count: 5 } }).map((point) => point['h'])).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(points({ h: { type: 'log', minval: -3, maxval: -1, base: 10, count: 3 } }).map((point) => Number(point['h']).toPrecision(6))).toEqual(['0.00100000', '0.0100000', '0.100000'])
    expect(points({ h: { type: 'int', minval: 1, maxval: 10, count: 4 } }).map((point) => point['h'])).toEqual([1, 4, 7, 10])
    expect(points({ n: { h: { type: 'double', minval: 0, maxval: 1, count: 1 } } })).toEqual([{ n: { h: 0.5 } }])
    expect(points({})).toEqual([{}])
  })
  test('every point once', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 40 }), (a, b, width) => {
      const all = points({ a: { type: 'double', minval: 0, maxval: 1, count: a }, b: { type: 'int', minval: 0, maxval: width, count: b } })
      expect(all).toHaveLength(a * Math.min(b, width + 1))
      expect(new Set(all.map((point) => JSON.stringify(point))).size).toBe(all.length)
    }))
  })
})
