import { expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createClockWatch } from './clock-watch.ts'

test.each([600_000, -600_000, 5_001])('a step of %i ms is seen, and time counts from there', (step) => {
  let own = 0
  const watch = createClockWatch({ ...realClock, monotonicMs: () => own })
  for (; own < 10_000; own += 1_000) expect(watch.steadyForMs(1e12 + own)).toBe(Number.POSITIVE_INFINITY)
  expect(watch.steadyForMs(1e12 + own + step)).toBe(0)
  own += 7_000
  expect(watch.steadyForMs(1e12 + own + step)).toBe(7_000)
})

test('slow queries and a pause of the whole process are no step', () => {
  let own = 0
  const watch = createClockWatch({ ...realClock, monotonicMs: () => own })
  watch.steadyForMs(1e12)
  own = 4_900
  expect(watch.steadyForMs(1e12)).toBe(Number.POSITIVE_INFINITY)
  own = 3_600_000
  expect(watch.steadyForMs(1e12 + 3_600_000)).toBe(Number.POSITIVE_INFINITY)
})
