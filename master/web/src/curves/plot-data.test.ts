import { describe, expect, it } from 'vitest'
import type { Series } from './metric-store.ts'
import { plotData } from './plot-data.ts'

function series(group: string, steps: number[], values = steps): Series {
  return { group, metric: 'loss', steps, values, nonFinite: 0, firstNonFinite: null }
}
const all = { range: null, weight: 0 }

describe('plotData', () => {
  it('puts curves of different steps on one axis', () => {
    const [steps, training, validation] = plotData([series('training', [1, 2, 4]), series('validation', [2, 3])], all)
    expect([...(steps ?? [])]).toEqual([1, 2, 3, 4])
    expect([...(training ?? [])].map((value) => value ?? null)).toEqual([1, 2, null, 4])
    expect([...(validation ?? [])].map((value) => value ?? null)).toEqual([null, 2, 3, null])
  })

  it('draws few of many points, and more of a part that is zoomed to', () => {
    const steps = Array.from({ length: 100_000 }, (_, i) => i)
    const whole = plotData([series('training', steps)], all)
    expect(whole[0].length).toBeLessThanOrEqual(1600)
    const part = plotData([series('training', steps)], { range: { from: 500, to: 900 }, weight: 0 })
    expect(part[0].length).toBe(403)
  })

  it('is empty for no curve', () => {
    expect(plotData([], all)).toEqual([[]])
  })
})
