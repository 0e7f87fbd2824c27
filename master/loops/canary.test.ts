import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { startCanary, type Canary } from './canary.ts'
import { quietLog } from './rig.ts'

let stop: AbortController
let canary: Canary
let answers: number | null
const listeners = new Set<() => void>()

/** The word comes back after `answers` ms; null = never. */
function publish(): void {
  if (answers !== null) setTimeout(() => { for (const listener of listeners) listener() }, answers)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  stop = new AbortController()
  answers = 10
  canary = startCanary({ publish, onHeard: (listener) => { listeners.add(listener); return () => listeners.delete(listener) }, log: quietLog, clock: realClock, random: () => 0, signal: stop.signal })
})
afterEach(async () => {
  stop.abort()
  await vi.advanceTimersByTimeAsync(10)
  await canary.ended
  vi.useRealTimers()
  expect(listeners.size).toBe(0)
})

test('healthy since the first word that came back', async () => {
  expect(canary.state().healthyForMs).toBe(0)
  await vi.advanceTimersByTimeAsync(61_010)
  const { healthyForMs, lastWordMs } = canary.state()
  expect(healthyForMs).toBe(61_000)
  expect(lastWordMs).toBeLessThan(5_010)
})

test('one word that is missing or late begins it anew', async () => {
  await vi.advanceTimersByTimeAsync(60_000)
  answers = null
  await vi.advanceTimersByTimeAsync(10_000)
  expect(canary.state().healthyForMs).toBe(0)
  answers = 3_500
  await vi.advanceTimersByTimeAsync(60_000)
  expect(canary.state().healthyForMs).toBeLessThan(8_000)
  answers = 2_900
  await vi.advanceTimersByTimeAsync(60_000)
  expect(canary.state().healthyForMs).toBeGreaterThan(45_000)
})

test('a process that stood still was deaf meanwhile', async () => {
  await vi.advanceTimersByTimeAsync(60_000)
  const now = performance.now()
  const still = vi.spyOn(performance, 'now').mockImplementation(() => now + 600_000)
  expect(canary.state().healthyForMs).toBe(0)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(canary.state().healthyForMs).toBeLessThan(10_000)
  still.mockRestore()
})
