import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ABSENT_MS, ENDS_MAX, reconcileTruth } from './truth.ts'
import type { SeenInstance, TruthLaunch, TruthOrphan, TruthRow, TruthWorld } from './truth-world.ts'

const NOW = 100_000_000
const RUNS = { numRuns: 1_000 }
const ids = fc.constantFrom(...Array.from({ length: 12 }, (_, index) => `i-${index}`))
const launchIds = fc.constantFrom('l0', 'l1', 'l2', 'l3')
const times = fc.integer({ min: NOW - 3 * ABSENT_MS, max: NOW })
const addresses = fc.constantFrom(null, '10.0.0.1')

const seen: fc.Arbitrary<SeenInstance> = fc.record({
  id: ids, launch: fc.option(launchIds), type: fc.constant('g5.xlarge'), zone: fc.constant('us-east-1a'), market: fc.constantFrom('spot', 'on-demand'),
  state: fc.constantFrom('pending', 'running', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped'),
  stateReason: fc.constantFrom('', 'Client.UserInitiatedShutdown', 'Server.SpotInstanceTermination'), launchedAt: times, privateIp: addresses,
})
const row: fc.Arbitrary<TruthRow> = fc.record({
  id: ids, launch: launchIds, state: fc.constantFrom('STARTING', 'READY', 'RETIRING', 'TERMINATING', 'GONE'), privateIp: addresses, missed: fc.nat(4), missedSince: fc.option(times),
})
const launch: fc.Arbitrary<TruthLaunch> = fc.record({
  id: launchIds, state: fc.constantFrom('LAUNCHING', 'DONE', 'FAILED'), count: fc.integer({ min: 1, max: 4 }), rows: fc.nat(4), decidedAt: times, missedBefore: fc.boolean(),
})
const orphan: fc.Arbitrary<TruthOrphan> = fc.record({ id: ids, firstSeen: times, endedAt: fc.option(times) })
const unique = <T extends { id: string }>(one: fc.Arbitrary<T>) => fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 12 })
const world: fc.Arbitrary<TruthWorld> = fc.record({
  now: fc.constant(NOW), listMs: fc.constant(60_000), listed: fc.option(unique(seen), { freq: 6 }), asked: fc.uniqueArray(ids), found: unique(seen),
  rows: unique(row), launches: unique(launch), orphans: unique(orphan), openBefore: fc.option(fc.nat(12)),
})

test('what is ended was listed by EC2: without a row twice a list apart, or stopped (I7)', () => {
  fc.assert(fc.property(world, (given) => {
    const listed = new Map(given.listed?.map((one) => [one.id, one]))
    const rows = new Map(given.rows.map((one) => [one.id, one]))
    const found = new Map(given.found.map((one) => [one.id, one]))
    for (const decision of reconcileTruth(given)) {
      if (decision.kind === 'end-orphan') {
        const noted = given.orphans.find((one) => one.id === decision.instance)
        expect(['pending', 'running', 'stopping', 'stopped']).toContain(listed.get(decision.instance)?.state)
        expect(rows.get(decision.instance)?.state ?? 'GONE').toBe('GONE')
        expect(given.now - (noted?.firstSeen ?? given.now)).toBeGreaterThanOrEqual(given.listMs)
        const of = given.launches.find((one) => one.id === listed.get(decision.instance)?.launch)
        if (!rows.has(decision.instance)) expect(of?.state ?? 'FAILED').toBe('FAILED')
      }
      if (decision.kind === 'end') expect(['stopping', 'stopped']).toContain((found.get(decision.instance) ?? listed.get(decision.instance))?.state)
    }
  }), RUNS)
})

test('an empty list, and none at all, end nothing and forget nothing', () => {
  fc.assert(fc.property(world, fc.boolean(), (given, none) => {
    const kinds = reconcileTruth({ ...given, listed: none ? null : [], found: [] }).map((decision) => decision.kind)
    for (const kind of kinds) expect(['gone', 'missed', 'settle', 'halt']).toContain(kind)
    if (none) expect(kinds).toEqual([])
  }), RUNS)
})

test('GONE was said by EC2, or is an absence of ten minutes, two lists and the question by id', () => {
  fc.assert(fc.property(world, (given) => {
    const named = new Map([...(given.listed ?? []), ...given.found].map((one) => [one.id, one]))
    for (const decision of reconcileTruth(given)) {
      if (decision.kind !== 'gone') continue
      const one = given.rows.find((known) => known.id === decision.instance)
      if (decision.cause !== 'unknown') expect(['shutting-down', 'terminated']).toContain(named.get(decision.instance)?.state)
      else {
        expect(named.has(decision.instance)).toBe(false)
        expect(given.asked).toContain(decision.instance)
        expect(one?.missed).toBeGreaterThanOrEqual(1)
        expect(given.now - (one?.missedSince ?? given.now)).toBeGreaterThanOrEqual(ABSENT_MS)
      }
    }
  }), RUNS)
})

test('at most five ends in a pass, none where the rows look lost', () => {
  fc.assert(fc.property(world, (given) => {
    const decisions = reconcileTruth(given)
    const ends = decisions.filter((decision) => decision.kind === 'end' || decision.kind === 'end-orphan').length
    expect(ends).toBeLessThanOrEqual(ENDS_MAX)
    if (decisions.some((decision) => decision.kind === 'halt')) expect(ends).toBe(0)
    const open = given.rows.filter((one) => one.state !== 'GONE').length
    if (given.listed !== null && given.openBefore !== null && open * 2 < given.openBefore) expect(decisions[0]?.kind).toBe('halt')
  }), RUNS)
})

test('every instance that EC2 runs is a row, becomes one, or is on its way to its end (I7)', () => {
  fc.assert(fc.property(world, (given) => {
    const decisions = reconcileTruth(given)
    const open = new Set(given.rows.filter((one) => one.state !== 'GONE').map((one) => one.id))
    for (const one of given.listed ?? []) {
      if (one.state !== 'running' || open.has(one.id)) continue
      const noted = given.orphans.some((known) => known.id === one.id)
      const decided = decisions.some((decision) => (decision.kind === 'adopt' && decision.seen.id === one.id) || (decision.kind === 'orphan' && decision.instance === one.id))
      expect(noted || decided).toBe(true)
    }
  }), RUNS)
})

test('the same world in any order gives the same decisions in the same order (I9)', () => {
  fc.assert(fc.property(world, (given) => {
    const shuffled = { ...given, listed: given.listed?.toReversed() ?? null, found: given.found.toReversed(), rows: given.rows.toReversed(), launches: given.launches.toReversed(), orphans: given.orphans.toReversed() }
    expect(reconcileTruth(shuffled)).toEqual(reconcileTruth(given))
  }), RUNS)
})
