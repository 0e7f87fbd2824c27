import { expect, test } from 'vitest'
import { createThrottle } from './throttle.ts'

test('after max attempts within the window the wait is named; it ends when the first attempt leaves the window', () => {
  const throttle = createThrottle({ max: 2, windowMs: 60_000, keysMax: 10 })
  expect(throttle.take('a', 0)).toBe(0)
  expect(throttle.take('a', 1_000)).toBe(0)
  expect(throttle.take('a', 2_000)).toBe(58)
  expect(throttle.take('b', 2_000)).toBe(0)
  expect(throttle.take('a', 60_000)).toBe(0)
})

test('a right password is forgiven', () => {
  const throttle = createThrottle({ max: 1, windowMs: 60_000, keysMax: 10 })
  for (let i = 0; i < 5; i += 1) {
    expect(throttle.take('a', i)).toBe(0)
    throttle.forgive('a')
  }
})

test('the number of keys is bounded: the one unused for longest is forgotten', () => {
  const throttle = createThrottle({ max: 1, windowMs: 60_000, keysMax: 2 })
  for (const key of ['a', 'b', 'c']) throttle.take(key, 0)
  expect(throttle.take('a', 1)).toBe(0)
  expect(throttle.take('c', 1)).toBeGreaterThan(0)
})
