import { expect, test } from 'vitest'
import type { Clock } from '../../protocol/kit/clock.ts'
import { createThrottle } from './throttle.ts'

/** Time passes only by sleeping. */
function stepClock(): Clock & { now: number } {
  const clock = { now: 0, wallMs: () => clock.now, monotonicMs: () => clock.now, sleep: async (ms: number) => void (clock.now += ms) }
  return clock
}
const { signal } = new AbortController()

test('a burst goes at once, then one a second; actions do not wait for each other', async () => {
  const clock = stepClock()
  const throttle = createThrottle(clock)
  for (let n = 0; n < 5; n += 1) await throttle.take('RunInstances', signal)
  expect(clock.now).toBe(0)
  await throttle.take('RunInstances', signal)
  expect(clock.now).toBe(1_000)
  await throttle.take('RunInstances', signal)
  expect(clock.now).toBe(2_000)
  await throttle.take('DescribeInstances', signal)
  expect(clock.now).toBe(2_000)
  clock.now += 60_000
  for (let n = 0; n < 5; n += 1) await throttle.take('RunInstances', signal)
  expect(clock.now).toBe(62_000)
})

test('after EC2 refused, the next call waits and there is no burst', async () => {
  const clock = stepClock()
  const throttle = createThrottle(clock)
  await throttle.take('DescribeInstances', signal)
  throttle.empty('DescribeInstances')
  await throttle.take('DescribeInstances', signal)
  expect(clock.now).toBe(2_000)
  await throttle.take('DescribeInstances', signal)
  expect(clock.now).toBe(2_100)
})
