import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Trial } from '../api/shapes.ts'
import { axisOf } from './axis.ts'
import { flatHparams, varyingNames } from './hparams.ts'
import { bestFirst, rankOf } from './rank.ts'

const trial = (id: number, value: number | null): Trial => ({ id, experimentId: 1, state: 'STATE_ACTIVE', startTime: '', hparams: {}, restarts: 0, totalBatchesProcessed: 0, searcherMetricValue: value })

test('hyperparameters are told by dotted names, and only those that vary', () => {
  const flat = [{ lr: 0.1, net: { width: 8, layers: [1, 2] }, on: true }, { lr: 0.2, net: { width: 8, layers: [1, 2] } }].map((one) => flatHparams(one))
  expect(flat[0]).toEqual({ lr: 0.1, 'net.width': 8, 'net.layers': '[1,2]', on: 'true' })
  expect(varyingNames(flat)).toEqual(['lr', 'on'])
})

describe('a line of the parallel coordinates', () => {
  test('numbers stand in their order, far apart ones by their logarithm, words each at a place', () => {
    const linear = axisOf('a', [1, 2, 3])
    expect([linear.kind, linear.placeOf(1), linear.placeOf(2), linear.placeOf(3), linear.placeOf('x')]).toEqual(['linear', 0, 0.5, 1, null])
    const log = axisOf('a', [0.0001, 0.01, 1])
    expect(log.kind).toBe('log')
    expect(log.placeOf(0.01)).toBeCloseTo(0.5)
    const words = axisOf('a', ['sgd', 'adam', undefined])
    expect([words.kind, words.placeOf('adam'), words.placeOf('sgd'), words.placeOf(undefined)]).toEqual(['words', 0, 1, null])
    expect(axisOf('a', [5, 5]).placeOf(5)).toBe(0.5)
    expect(axisOf('a', []).ticks).toEqual([])
  })

  test('whatever the values, a place is within the line', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.double(), fc.integer(), fc.string(), fc.constant(undefined)), { maxLength: 40 }), (values) => {
      const axis = axisOf('a', values)
      for (const value of values) {
        const place = axis.placeOf(value)
        if (place !== null) expect(place >= -1e-9 && place <= 1 + 1e-9).toBe(true)
      }
    }))
  })
})

test('best first both ways; who has reached nothing, or no number, comes last', () => {
  const trials = [trial(1, null), trial(2, 0.5), trial(3, 0.1), trial(4, Number.NaN)]
  expect(bestFirst(trials, true).map((one) => one.id)).toEqual([3, 2, 1, 4])
  expect(bestFirst(trials, false).map((one) => one.id)).toEqual([2, 3, 1, 4])
  expect([...rankOf(trials, true)]).toEqual([[1, null], [2, 1], [3, 0], [4, null]])
  expect([...rankOf([trial(1, 3)], false)]).toEqual([[1, 1]])
})
