import { expect, test } from 'vitest'
import { gather } from './gather.ts'

test('what is asked in one turn is read once, what comes later is read anew; a failure reaches all that asked', async () => {
  const asked: (readonly number[])[] = []
  const find = gather<number, string>(async (keys) => {
    asked.push(keys)
    if (keys.includes(9)) throw new Error('no answer')
    return new Map(keys.filter((key) => key > 0).map((key) => [key, `row ${key}`]))
  })
  expect(await Promise.all([find(1), find(2), find(1), find(-1)])).toEqual(['row 1', 'row 2', 'row 1', null])
  expect(await find(3)).toBe('row 3')
  expect(asked).toEqual([[1, 2, -1], [3]])
  const failed = await Promise.allSettled([find(9), find(4)])
  expect(failed.map((one) => one.status)).toEqual(['rejected', 'rejected'])
})
