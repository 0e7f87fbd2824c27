import { expect, it } from 'vitest'
import { matching } from './filter.ts'

const all = [{ id: 1, name: 'ResNet sweep', state: 'STATE_ACTIVE' }, { id: 12, name: 'bert', state: 'STATE_ERROR' }, { id: 2, name: 'bert 1', state: 'STATE_COMPLETED' }]
const ids = (filter: { name: string; states: string[] }): number[] => matching(all, filter).map((experiment) => experiment.id)

it('filters by part of the name, whole id and state', () => {
  expect(ids({ name: '', states: [] })).toEqual([1, 12, 2])
  expect(ids({ name: ' BERT', states: [] })).toEqual([12, 2])
  expect(ids({ name: '#12', states: [] })).toEqual([12])
  expect(ids({ name: '1', states: [] })).toEqual([1, 2])
  expect(ids({ name: 'bert', states: ['ERROR'] })).toEqual([12])
})
