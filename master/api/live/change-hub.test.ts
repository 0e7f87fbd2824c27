import { expect, test } from 'vitest'
import { realClock } from '../../../protocol/kit/clock.ts'
import { createChangeHub } from './change-hub.ts'

function setUp() {
  const listeners = new Set<() => void>()
  const hub = createChangeHub({ onChange: (listener) => { listeners.add(listener); return () => listeners.delete(listener) } }, realClock)
  return { hub, change: () => { for (const listener of listeners) listener() }, listeners }
}

test('a change between reading and waiting ends the wait at once', async () => {
  const { hub, change } = setUp()
  const seen = hub.version()
  change()
  await hub.waitBeyond(seen, 60_000, new AbortController().signal)
  expect(hub.version()).not.toBe(seen)
})

test('a change wakes every waiter; an abort wakes its own; the sweep wakes without either', async () => {
  const { hub, change } = setUp()
  const never = new AbortController().signal
  const abort = new AbortController()
  const waits = [hub.waitBeyond(hub.version(), 60_000, never), hub.waitBeyond(hub.version(), 60_000, never)]
  const other = hub.waitBeyond(hub.version(), 60_000, abort.signal)
  abort.abort()
  await other
  change()
  await Promise.all(waits)
  await hub.waitBeyond(hub.version(), 5, never)
  expect(hub.version()).toBe(1)
})

test('closing lets go of the feed', () => {
  const { hub, listeners } = setUp()
  hub.close()
  expect(listeners.size).toBe(0)
})
