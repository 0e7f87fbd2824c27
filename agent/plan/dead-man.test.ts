import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideDeadMan, type DeadManWorld } from './dead-man.ts'
import { aRow } from './world.fixture.ts'

const HOUR = 3_600_000
const QUIET: DeadManWorld = { limitMs: HOUR, quietMs: HOUR, live: [], rows: [], outbox: 0 }

test.each<[string, Partial<DeadManWorld>, 'stay' | 'live' | 'poweroff']>([
  ['an hour of silence and nothing here', {}, 'poweroff'],
  ['a moment less', { quietMs: HOUR - 1 }, 'stay'],
  ['switched off', { limitMs: 0, quietMs: 99 * HOUR }, 'stay'],
  ['a container runs, for days', { quietMs: 99 * HOUR, live: ['drover-trial-1.1'] }, 'live'],
  ['a drained row keeps nothing', { rows: [aRow({ phase: 'drained' })] }, 'poweroff'],
  ['an upload is unfinished', { rows: [aRow({ phase: 'exited' })] }, 'stay'],
  ['an upload is unfinished, for one period more', { quietMs: 2 * HOUR, rows: [aRow({ phase: 'exited' })] }, 'poweroff'],
  ['events are undelivered', { quietMs: 2 * HOUR - 1, outbox: 3 }, 'stay'],
  ['events are undelivered, for one period more', { quietMs: 2 * HOUR, outbox: 3 }, 'poweroff'],
  ['an allocation waits for its start', { rows: [aRow({ phase: 'accepted' })] }, 'stay'],
  ['Docker is silent, nothing was started', { live: null }, 'stay'],
  ['Docker is silent for one period more, nothing was started', { live: null, quietMs: 2 * HOUR }, 'poweroff'],
  ['Docker is silent, something was started', { live: null, quietMs: 99 * HOUR, rows: [aRow({ phase: 'started' })] }, 'live'],
  ['Docker is silent, something may just have been started', { live: null, quietMs: 99 * HOUR, rows: [aRow({ phase: 'created' })] }, 'live'],
  ['the journal says started, Docker says no', { quietMs: 2 * HOUR, rows: [aRow({ phase: 'started' })] }, 'poweroff'],
])('%s', (_name, change, wanted) => {
  const decision = decideDeadMan({ ...QUIET, ...change })
  expect(decision.kind === 'stay' && decision.live ? 'live' : decision.kind).toBe(wanted)
})

test('the reason says what is given up', () => {
  expect(decideDeadMan({ ...QUIET, quietMs: 2 * HOUR, outbox: 3, rows: [aRow({ phase: 'exited' })] }).reason).toBe('no master has answered and no container has lived for 120 min; given up: 1 unfinished allocations, 3 undelivered events')
})

describe('whatever the world', () => {
  const phase = fc.constantFrom('accepted' as const, 'restored' as const, 'created' as const, 'started' as const, 'exited' as const, 'drained' as const)
  const world = fc.record({
    limitMs: fc.integer({ min: 1, max: 10 * HOUR }), quietMs: fc.integer({ min: 0, max: 40 * HOUR }), outbox: fc.nat(5),
    live: fc.option(fc.array(fc.constant('a'), { maxLength: 2 }), { nil: null }),
    rows: fc.array(phase.map((one) => aRow({ phase: one })), { maxLength: 4 }),
  })
  test('never off with a live container, or with one that may live', () => {
    fc.assert(fc.property(world, (at) => {
      const alive = at.live === null ? at.rows.some((row) => row.phase === 'started' || row.phase === 'created') : at.live.length > 0
      const decision = decideDeadMan(at)
      if (alive) expect(decision).toMatchObject({ kind: 'stay', live: true })
      else if (decision.kind === 'stay') expect(decision.live).toBe(false)
    }))
  })
  test('never before its limit, always by twice its limit where nothing lives', () => {
    fc.assert(fc.property(world, (at) => {
      const decision = decideDeadMan(at)
      if (decision.kind === 'poweroff') expect(at.quietMs).toBeGreaterThanOrEqual(at.limitMs)
      if (decision.kind === 'stay' && !decision.live) expect(at.quietMs).toBeLessThan(2 * at.limitMs)
    }))
  })
  test('once off, more silence does not change it', () => {
    fc.assert(fc.property(world, fc.nat(10 * HOUR), (at, more) => {
      if (decideDeadMan(at).kind === 'poweroff') expect(decideDeadMan({ ...at, quietMs: at.quietMs + more }).kind).toBe('poweroff')
    }))
  })
})
