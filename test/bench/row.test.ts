import { expect, test } from 'vitest'
import { measured, median } from './row.ts'

test('medians, ratio and goal', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
  const row = { name: 'a', unit: 'ms', ours: [1, 2, 3], peer: [4, 4, 4], peerName: 'p' }
  expect(measured({ ...row, goal: { atMost: 0.5 } })).toMatchObject({ ratio: 0.5, met: true, goal: '<= 0.5' })
  expect(measured({ ...row, goal: { atLeast: 0.6 } })).toMatchObject({ met: false })
})
