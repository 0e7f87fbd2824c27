import { expect, test } from 'vitest'
import { firstTrials } from './single.ts'

test('constants are resolved, nested ones too; lists and plain values stand for themselves', () => {
  const hyperparameters = { lr: { type: 'const', val: 0.1 }, model: { depth: { type: 'const', val: [1, 2] }, name: 'x' }, epochs: 3, empty: null }
  expect(firstTrials({ hyperparameters, reproducibility: { experiment_seed: 9 } })).toEqual([
    { hparams: { lr: 0.1, model: { depth: [1, 2], name: 'x' }, epochs: 3, empty: null }, seed: 9 },
  ])
})
