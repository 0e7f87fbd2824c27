import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chartKey, MetricStore } from './metric-store.ts'

function report(id: number, steps: number, values: Record<string, unknown>, group = 'training') {
  return { id, time: '2026-11-23T21:00:00Z', group, steps, values }
}

describe('MetricStore', () => {
  it('puts training and validation of one measure into one chart, loss first', () => {
    const store = new MetricStore()
    store.append([report(1, 10, { accuracy: 0.5, loss: 2 }), report(2, 10, { validation_loss: 2.1, accuracy: 0.4 }, 'validation'), report(3, 10, { util: 90 }, 'gpu')])
    expect(store.charts().map((chart) => [chart.key, chart.series.map((series) => series.group)])).toEqual([
      ['loss', ['training', 'validation']], ['accuracy', ['training', 'validation']], ['gpu: util', ['gpu']],
    ])
  })

  it('lets a resumed attempt replace what came after its checkpoint', () => {
    const store = new MetricStore()
    store.append([10, 20, 30, 40].map((steps, i) => report(i + 1, steps, { loss: steps })))
    store.append([report(5, 25, { loss: -25 }), report(6, 35, { loss: -35 })])
    expect(store.charts()[0]?.series[0]).toMatchObject({ steps: [10, 20, 25, 35], values: [10, 20, -25, -35] })
  })

  it('ignores a report it has and keeps steps strictly growing', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { maxLength: 60 }), (reports) => {
      const store = new MetricStore()
      for (const [id, steps] of reports) store.append([report(id + 1, steps, { loss: steps })])
      const steps = store.charts()[0]?.series[0]?.steps ?? []
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
    }))
  })

  it('counts what is not finite and says where it began', () => {
    const store = new MetricStore()
    store.append([report(1, 1, { loss: 1 }), report(2, 2, { loss: 'NaN' }), report(3, 3, { loss: 'Infinity' }), report(4, 4, { note: 'text', loss: 2 })])
    expect(store.charts()).toHaveLength(1)
    expect(store.charts()[0]?.series[0]).toMatchObject({ steps: [1, 4], nonFinite: 2, firstNonFinite: 2 })
  })
})

it('names the measure without its group', () => {
  expect(['val_loss', 'validation/acc', 'train-loss', 'test', 'value', 'evaluate'].map((metric) => chartKey(metric, 'x'))).toEqual(['loss', 'acc', 'loss', 'test', 'value', 'evaluate'])
})
