import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideDeadMan, type DeadManWorld } from './dead-man.ts'
import { aContainer, aRow } from './world.fixture.ts'

const HOUR = 3_600_000
const QUIET: DeadManWorld = { limitMs: HOUR, quietMs: HOUR, containers: [], rows: [], outbox: 0 }

test.each<[string, Partial<DeadManWorld>, 'stay' | 'live' | 'poweroff']>([
  ['an hour of silence and nothing here', {}, 'poweroff'],
  ['a moment less', { quietMs: HOUR - 1 }, 'stay'],
  ['switched off', { limitMs: 0, quietMs: 99 * HOUR }, 'stay'],
  ['a container runs, for days', { quietMs: 99 * HOUR, containers: [aContainer('running')] }, 'live'],
  ['ended containers keep nothing', { containers: [aContainer('exited'), aContainer('created', 'trial-2.1')], rows: [aRow({ phase: 'drained' })] }, 'poweroff'],
  ['an upload is unfinished', { rows: [aRow({ phase: 'exited' })] }, 'stay'],
  ['an upload is unfinished, for one period more', { quietMs: 2 * HOUR, rows: [aRow({ phase: 'exited' })] }, 'poweroff'],
  ['events are undelivered', { quietMs: 2 * HOUR - 1, outbox: 3 }, 'stay'],
  ['events are undelivered, for one period more', { quietMs: 2 * HOUR, outbox: 3 }, 'poweroff'],
  ['an allocation waits for its start', { rows: [aRow({ phase: 'accepted' })] }, 'stay'],
  ['Docker is silent, nothing was started', { containers: null }, 'stay'],
  ['Docker is silent for one period more, nothing was started', { containers: null, quietMs: 2 * HOUR }, 'poweroff'],
  ['Docker is silent, something was started', { containers: null, quietMs: 99 * HOUR, rows: [aRow({ phase: 'started' })] }, 'live'],
  ['Docker is silent, something may just have been started', { containers: null, quietMs: 99 * HOUR, rows: [aRow({ phase: 'created' })] }, 'live'],
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
  const status = fc.constantFrom('created' as const, 'running' as const, 'exited' as const)
  const world = fc.record({
    limitMs: fc.integer({ min: 1, max: 10 * HOUR }), quietMs: fc.integer({ min: 0, max: 40 * HOUR }), outbox: fc.nat(5),
    containers: fc.option(fc.array(status.map((one) => aContainer(one)), { maxLength: 4 }), { nil: null }),
    rows: fc.array(phase.map((one) => aRow({ phase: one })), { maxLength: 4 }),
  })
  test('never off with a live container, or with one that may live', () => {
    fc.assert(fc.property(world, (at) => {
      const alive = at.containers?.some((one) => one.status === 'running') ?? at.rows.some((row) => row.phase === 'started' || row.phase === 'created')
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
