import { expect, test } from 'vitest'
import { foldReports, type Report, type TrialSummary } from './fold-metrics.ts'

const EMPTY: TrialSummary = { stepsCompleted: 0, latestTraining: null, latestValidation: null, bestValidation: null }
const report = (group: string, steps: number, values: Record<string, unknown>): Report => ({ group, steps, t: 0, values })
const time = '1970-01-01T00:00:00.000Z'

test('the latest by steps, the best by the searcher metric', () => {
  const reports = [report('training', 10, { loss: 1 }), report('validation', 10, { acc: 0.5 }), report('validation', 20, { acc: 0.9 }), report('validation', 30, { acc: 0.7 }), report('training', 5, { loss: 9 }), report('system', 40, {})]
  expect(foldReports(EMPTY, reports, { metric: 'acc', smaller_is_better: false })).toEqual({
    stepsCompleted: 40,
    latestTraining: { steps: 10, time, values: { loss: 1 } },
    latestValidation: { steps: 30, time, values: { acc: 0.7 } },
    bestValidation: { steps: 20, time, values: { acc: 0.9 } },
  })
})

test('NaN, infinity as words and a missing metric never win', () => {
  const reports = [report('validation', 1, { loss: 'NaN' }), report('validation', 2, {}), report('validation', 3, { loss: 2 }), report('validation', 4, { loss: '-Infinity' }), report('validation', 5, { loss: 2 })]
  expect(foldReports(EMPTY, reports, { metric: 'loss', smaller_is_better: true }).bestValidation?.steps).toBe(3)
  expect(foldReports(EMPTY, [report('validation', 1, {})], { metric: '__proto__', smaller_is_better: true }).bestValidation).toBeNull()
})
