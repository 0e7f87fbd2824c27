import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bestOf, enter, scoreOf, WORST } from './rung.ts'
import type { Rung } from './words.ts'

const metric = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: 0, max: 5 }), fc.constantFrom(null, NaN, Infinity, -Infinity))

test('whoever enters is among the best 1/divisor so far, or not: as a sorted list says', () => {
  fc.assert(fc.property(fc.array(metric, { maxLength: 200 }), fc.constantFrom(1.01, 1.5, 2, 3, 4, 7.5), fc.boolean(), (metrics, divisor, smaller) => {
    const rung: Rung = { target: 1, top: [], rest: [] }
    const seen: number[] = []
    for (const one of metrics) {
      const score = scoreOf(one, smaller)
      const rank = seen.filter((other) => other <= score).length
      seen.push(score)
      expect(enter(rung, score, divisor)).toBe(score < WORST && rank < bestOf(seen.length, divisor))
    }
    expect(rung.top.length).toBe(metrics.length === 0 ? 0 : bestOf(metrics.length, divisor))
    expect(JSON.stringify([...rung.top.map((score) => -score), ...rung.rest].sort((a, b) => a - b))).toBe(JSON.stringify(seen.sort((a, b) => a - b)))
  }), { numRuns: 500 })
})

describe('scores', () => {
  test('smaller is better, both ways; what is no number comes last, after infinity', () => {
    const order = (values: (number | null)[], smaller: boolean): (number | null)[] => [...values].sort((a, b) => scoreOf(a, smaller) - scoreOf(b, smaller))
    expect(order([NaN, 2, Infinity, -1, -Infinity], true)).toEqual([-Infinity, -1, 2, Infinity, NaN])
    expect(order([null, 2, Infinity, -1, -Infinity], false)).toEqual([Infinity, 2, -1, -Infinity, null])
  })
  test('every score is JSON', () => {
    fc.assert(fc.property(metric, fc.boolean(), (one, smaller) => JSON.parse(JSON.stringify(scoreOf(one, smaller))) === scoreOf(one, smaller)))
  })
})
