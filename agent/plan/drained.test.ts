import { expect, test } from 'vitest'
import { isDrained, type RetireWorld } from './drained.ts'
import { aContainer, aRow } from './world.fixture.ts'

const EMPTY: RetireWorld = { retire: 'idle', rows: [], containers: [], underWay: 0, outbox: 0 }

test('asked to go, and nothing is left', () => expect(isDrained(EMPTY)).toBe(true))

test.each<[string, Partial<RetireWorld>]>([
  ['it was not asked', { retire: null }],
  ['a row is left, drained or not', { rows: [aRow({ phase: 'drained' })] }],
  ['a container is left, also one that has ended', { containers: [aContainer('exited')] }],
  ['nobody knows the containers', { containers: null }],
  ['a step is under way', { underWay: 1 }],
  ['the outbox holds something', { outbox: 1 }],
])('not while %s', (_name, change) => expect(isDrained({ ...EMPTY, ...change })).toBe(false))
