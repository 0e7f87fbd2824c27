import { expect, test } from 'vitest'
import { preview } from './preview.ts'
import type { SearchConfig } from './words.ts'

const space: SearchConfig['space'] = { lr: { type: 'double', minval: 0, maxval: 1, count: 3 }, net: { kind: { type: 'categorical', vals: ['a', 'b'] } } }
const common = { metric: 'loss', smaller_is_better: true }
const halving = { ...common, max_trials: 64, divisor: 4, max_concurrent_trials: 16, time_metric: 'batches', max_time: 256 }

test('halving: one in divisor goes on at each rung; all trials are counted once', () => {
  expect(preview({ searcher: { ...halving, name: 'async_halving', num_rungs: 3 }, space, seed: 1 }, 0)).toEqual({
    trials: 64, points: [], brackets: [[{ trials: 48, until: 16 }, { trials: 12, until: 64 }, { trials: 4, until: 256 }]],
  })
  const adaptive = preview({ searcher: { ...halving, name: 'adaptive_asha', mode: 'standard', max_rungs: 5, bracket_rungs: [] }, space, seed: 1 }, 2)
  expect([adaptive.trials, adaptive.brackets.length, adaptive.points.length]).toEqual([64, 3, 2])
})

test('the last trial of a rung always goes on, so a bracket of one runs to its end', () => {
  const lone = preview({ searcher: { ...halving, max_trials: 1, name: 'async_halving', num_rungs: 3 }, space, seed: 1 }, 9)
  expect([lone.brackets, lone.points.length]).toEqual([[[{ trials: 1, until: 256 }]], 1])
})

test('grid, random and single: every trial until its script ends', () => {
  expect(preview({ searcher: { ...common, name: 'grid', max_concurrent_trials: 2 }, space, seed: 1 }, 2)).toEqual({
    trials: 6, brackets: [[{ trials: 6, until: null }]], points: [{ lr: 0, net: { kind: 'a' } }, { lr: 0, net: { kind: 'b' } }],
  })
  expect(preview({ searcher: { ...common, name: 'random', max_trials: 9, max_concurrent_trials: 2 }, space, seed: 1 }, 0).brackets).toEqual([[{ trials: 9, until: null }]])
  expect(preview({ searcher: { ...common, name: 'single' }, space: {}, seed: 1 }, 5)).toEqual({ trials: 1, brackets: [[{ trials: 1, until: null }]], points: [{}] })
})
