import { expect, it } from 'vitest'
import type { Checkpoint } from '../api/shapes.ts'
import { factsOf, newestFirst } from './facts.ts'

function checkpoint(steps: unknown, more: Partial<Checkpoint> = {}): Checkpoint {
  return { uuid: `u${steps}`, state: 'STATE_COMPLETED', resources: {}, metadata: { steps_completed: steps }, training: {}, ...more }
}

it('adds up files and takes validation before training', () => {
  const facts = factsOf(checkpoint(40, {
    resources: { 'd/': '0', 'd/a': '10', b: 5 },
    training: { validationMetrics: { avgMetrics: { loss: 0.1, note: 'x' } }, trainingMetrics: { avgMetrics: { loss: 9, lr: 'NaN' } } },
  }))
  expect(facts).toEqual({ steps: 40, bytes: 15, files: 2, metrics: [{ name: 'loss', value: 0.1 }, { name: 'lr', value: Number.NaN }] })
})

it('believes the master before the metadata, which the script writes', () => {
  expect(factsOf(checkpoint(1, { drover: { steps: 500 } })).steps).toBe(500)
})

it('knows no steps where the metadata name none', () => {
  expect(factsOf(checkpoint(undefined)).steps).toBeNull()
})

it('puts the newest first', () => {
  expect(newestFirst([checkpoint(1), checkpoint(30), checkpoint('20')]).map((each) => each.uuid)).toEqual(['u30', 'u20', 'u1'])
})
