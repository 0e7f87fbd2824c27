import { expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { aContainer, aRow } from '../plan/world.fixture.ts'
import { drainedNow, startDrained } from './drained.ts'
import { silentLog } from './log.fixture.ts'
import { until } from './rig.fixture.ts'

function rig() {
  const host = { retire: null as string | null, rows: [aRow({ phase: 'drained' })], containers: [aContainer('exited')], stale: false, steps: 1, outbox: 1, told: 0 }
  const stop = new AbortController()
  const parts = {
    retire: () => host.retire,
    journal: { allocations: () => host.rows.map((row) => ({ ...row, epoch: 1, specDigest: '', acceptedAt: 0 })), outbox: { depth: () => host.outbox } as never },
    view: { last: () => host.containers, isStale: () => host.stale },
    underWay: () => host.steps,
    clock: { ...realClock, sleep: (ms: number, signal: AbortSignal) => realClock.sleep(ms / 100, signal) },
  }
  const loop = startDrained({ ...parts, onDrained: () => void (host.told += 1), random: () => 0, log: silentLog, signal: stop.signal })
  const passes = () => new Promise((resolve) => setTimeout(resolve, 60))
  return { host, passes, now: () => drainedNow(parts), end: () => (stop.abort(), loop.ended) }
}

test('told once, when the last of it is gone, and again for another request', async () => {
  const { host, passes, now, end } = rig()
  host.retire = 'idle'
  await passes()
  for (const rid of [() => (host.rows = []), () => (host.containers = []), () => (host.steps = 0)]) {
    rid()
    await passes()
    expect([now(), host.told]).toEqual([false, 0])
  }
  host.outbox = 0
  await until('it is told', () => host.told === 1, 2_000)
  expect(now()).toBe(true)
  host.stale = true
  await passes()
  expect(now()).toBe(false)
  host.stale = false
  await passes()
  expect([now(), host.told]).toEqual([true, 1])
  host.retire = null
  await passes()
  expect(now()).toBe(false)
  host.retire = 'idle again'
  await until('it is told again', () => host.told === 2, 2_000)
  await end()
})
