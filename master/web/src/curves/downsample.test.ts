import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cut, downsample, smooth } from './downsample.ts'

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 400 })

describe('downsample', () => {
  it('keeps the ends, the extremes, the order and the limit', () => {
    fc.assert(fc.property(values, fc.integer({ min: 4, max: 64 }), (ys, maxPoints) => {
      const xs = ys.map((_, i) => i * 3)
      const out = downsample(xs, ys, maxPoints)
      expect(out.xs.length).toBeLessThanOrEqual(Math.max(maxPoints, 4))
      expect(out.xs[0]).toBe(0)
      expect(out.xs.at(-1)).toBe(xs.at(-1))
      expect(Math.max(...out.ys)).toBe(Math.max(...ys))
      expect(Math.min(...out.ys)).toBe(Math.min(...ys))
      expect([...out.xs]).toEqual([...new Set(out.xs)].sort((a, b) => a - b))
      out.xs.forEach((x, i) => expect(out.ys[i]).toBe(ys[x / 3]))
    }))
  })

  it('does not touch what is small enough', () => {
    const xs = [1, 2, 3]
    expect(downsample(xs, xs, 4).xs).toBe(xs)
  })
})

describe('cut', () => {
  it('keeps one point beyond each end', () => {
    const xs = [0, 10, 20, 30, 40, 50]
    expect(cut(xs, xs, 15, 32).xs).toEqual([10, 20, 30, 40, 50])
    expect(cut(xs, xs, 20, 30).xs).toEqual([10, 20, 30, 40])
    expect(cut(xs, xs, -5, 500).xs).toEqual(xs)
    expect(cut([], [], 0, 1).xs).toEqual([])
  })
})

describe('smooth', () => {
  it('begins at the first value, keeps a constant and stays within the range', () => {
    expect(smooth([4, 8], 0)).toEqual([4, 8])
    fc.assert(fc.property(values, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (ys, weight) => {
      const out = smooth(ys, weight)
      const slack = 1e-6 * Math.max(1, ...ys.map(Math.abs))
      expect(out[0]).toBeCloseTo(ys[0] as number, 6)
      expect(Math.max(...out)).toBeLessThanOrEqual(Math.max(...ys) + slack)
      expect(Math.min(...out)).toBeGreaterThanOrEqual(Math.min(...ys) - slack)
    }))
  })
})
