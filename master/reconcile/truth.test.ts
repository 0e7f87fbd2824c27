import { describe, expect, test } from 'vitest'
import { ABSENT_MS, ENDS_MAX, reconcileTruth, UNKNOWN_MS } from './truth.ts'
import type { SeenInstance, TruthLaunch, TruthRow, TruthWorld } from './truth-world.ts'

const NOW = 10_000_000
const seen = (id: string, over: Partial<SeenInstance> = {}): SeenInstance => ({ id, launch: 'l1', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', state: 'running', stateReason: '', launchedAt: 0, privateIp: '10.0.0.1', ...over })
const row = (id: string, over: Partial<TruthRow> = {}): TruthRow => ({ id, launch: 'l1', state: 'READY', privateIp: '10.0.0.1', missed: 0, missedSince: null, ...over })
const launch = (id: string, over: Partial<TruthLaunch> = {}): TruthLaunch => ({ id, state: 'DONE', count: 1, rows: 1, decidedAt: NOW, missedBefore: false, ...over })
const world = (over: Partial<TruthWorld> = {}): TruthWorld => ({ now: NOW, listMs: 60_000, listed: [], asked: [], found: [], rows: [], launches: [], orphans: [], openBefore: null, ...over })

describe('rows against EC2', () => {
  test('what agrees needs nothing', () => {
    expect(reconcileTruth(world({ listed: [seen('i-1')], rows: [row('i-1')], launches: [launch('l1')] }))).toEqual([])
  })

  test.each([
    [row('i-1', { state: 'TERMINATING' }), 'Client.UserInitiatedShutdown', 'asked'],
    [row('i-1'), 'Client.UserInitiatedShutdown', 'outside'],
    [row('i-1'), 'Server.SpotInstanceTermination: Spot instance termination', 'spot'],
  ] as const)('shutting-down or terminated: gone, and whose doing it was', (one, stateReason, cause) => {
    for (const state of ['shutting-down', 'terminated'] as const) {
      expect(reconcileTruth(world({ listed: [seen('i-1', { state, stateReason })], rows: [one], launches: [launch('l1')] }))).toEqual([{ kind: 'gone', instance: 'i-1', cause, reason: stateReason }])
    }
  })

  test('an absence counts after ten minutes, two lists and the question by id, all of them', () => {
    const kinds = (over: Partial<TruthRow>, asked: string[], found: SeenInstance[] = []): string[] => reconcileTruth(world({ rows: [row('i-1', over)], asked, found })).map((decision) => decision.kind)
    const long = { missed: 1, missedSince: NOW - ABSENT_MS }
    expect(kinds(long, ['i-1'])).toEqual(['gone'])
    expect(kinds(long, [])).toEqual(['missed'])
    expect(kinds({ ...long, missed: 0 }, ['i-1'])).toEqual(['missed'])
    expect(kinds({ ...long, missedSince: NOW - ABSENT_MS + 1 }, ['i-1'])).toEqual(['missed'])
    expect(kinds(long, ['i-1'], [seen('i-1')])).toEqual(['seen'])
  })

  test('asked by id only: who is not answered for is not missed', () => {
    expect(reconcileTruth(world({ listed: null, asked: ['i-1', 'i-2'], found: [seen('i-2', { state: 'terminated' })], rows: [row('i-1'), row('i-2')], launches: [] }))).toMatchObject([{ kind: 'gone', instance: 'i-2' }])
  })

  test('an address that is new is written', () => {
    expect(reconcileTruth(world({ listed: [seen('i-1')], rows: [row('i-1', { privateIp: null })], launches: [launch('l1')] }))).toEqual([{ kind: 'seen', instance: 'i-1', privateIp: '10.0.0.1' }])
  })

  test('stopped instances are ended', () => {
    expect(reconcileTruth(world({ listed: [seen('i-1', { state: 'stopped' })], rows: [row('i-1')], launches: [launch('l1')] }))).toMatchObject([{ kind: 'end', instance: 'i-1' }])
    expect(reconcileTruth(world({ listed: [seen('i-1', { state: 'stopped' })], rows: [row('i-1', { state: 'TERMINATING' })], launches: [launch('l1')] }))).toEqual([])
  })
})

describe('instances without a row', () => {
  test('of a launch of ours: adopted, and an open launch settles when all of it is there', () => {
    expect(reconcileTruth(world({ listed: [seen('i-1'), seen('i-2')], launches: [launch('l1', { state: 'LAUNCHING', count: 2, rows: 0 })] }))).toMatchObject([
      { kind: 'adopt', launch: 'l1', seen: { id: 'i-1' } }, { kind: 'adopt', seen: { id: 'i-2' } }, { kind: 'settle', launch: 'l1', state: 'DONE' },
    ])
    expect(reconcileTruth(world({ listed: [seen('i-1')], launches: [launch('l1', { count: 2 })] }))).toMatchObject([{ kind: 'adopt' }])
  })

  test('no launch of ours: noted, and ended by a later pass', () => {
    const given = { listed: [seen('i-1', { launch: null })], rows: [row('i-9', { state: 'TERMINATING' })], asked: [] }
    const kinds = (firstSeen: number, endedAt: number | null = null): string[] => reconcileTruth(world({ ...given, rows: [], orphans: [{ id: 'i-1', firstSeen, endedAt }] })).map((decision) => decision.kind)
    expect(reconcileTruth(world({ ...given, rows: [] }))).toMatchObject([{ kind: 'orphan', instance: 'i-1' }])
    expect(kinds(NOW - 59_999)).toEqual([])
    expect(kinds(NOW - 60_000)).toEqual(['end-orphan'])
    expect(kinds(NOW - 600_000, NOW - 10_000)).toEqual([])
    expect(kinds(NOW - 600_000, NOW - 60_000)).toEqual(['end-orphan'])
    expect(reconcileTruth(world({ listed: [seen('i-1', { launch: null, state: 'terminated' })], orphans: [{ id: 'i-1', firstSeen: 0, endedAt: null }] }))).toEqual([{ kind: 'forget-orphan', instance: 'i-1' }])
    expect(reconcileTruth(world({ orphans: [{ id: 'i-1', firstSeen: 0, endedAt: null }] }))).toEqual([])
  })

  test('of a launch that was given up, or a row that was: an orphan too', () => {
    expect(reconcileTruth(world({ listed: [seen('i-1')], launches: [launch('l1', { state: 'FAILED' })] }))).toMatchObject([{ kind: 'orphan', reason: expect.stringContaining('given up') }])
    expect(reconcileTruth(world({ listed: [seen('i-1')], rows: [row('i-1', { state: 'GONE' })], launches: [launch('l1')] }))).toMatchObject([{ kind: 'orphan', reason: expect.stringContaining('given up') }])
  })

  test('at most five are ended in a pass', () => {
    const listed = Array.from({ length: 9 }, (_, index) => seen(`i-${index}`))
    const orphans = listed.map(({ id }) => ({ id, firstSeen: 0, endedAt: null }))
    const decisions = reconcileTruth(world({ listed, orphans, launches: [launch('l1', { state: 'FAILED' })] }))
    expect(decisions.map((decision) => decision.kind)).toEqual(Array.from({ length: ENDS_MAX }, () => 'end-orphan'))
  })
})

describe('a launch without an answer', () => {
  const open = (over: Partial<TruthLaunch> = {}): TruthLaunch => launch('l1', { state: 'LAUNCHING', rows: 0, decidedAt: NOW - UNKNOWN_MS, missedBefore: true, ...over })
  test('is given up after ten minutes and two lists without an instance of it', () => {
    expect(reconcileTruth(world({ launches: [open()] }))).toMatchObject([{ kind: 'settle', state: 'FAILED' }])
    expect(reconcileTruth(world({ launches: [open({ missedBefore: false })] }))).toEqual([])
    expect(reconcileTruth(world({ launches: [open({ decidedAt: NOW - UNKNOWN_MS + 1 })] }))).toEqual([])
    expect(reconcileTruth(world({ listed: null, launches: [open()] }))).toEqual([])
  })
  test('is done with those that came', () => {
    expect(reconcileTruth(world({ launches: [open({ count: 3, rows: 1 })] }))).toMatchObject([{ kind: 'settle', state: 'DONE' }])
  })
})

describe('rows that look lost', () => {
  const orphans = ['i-1', 'i-2', 'i-3'].map((id) => ({ id, firstSeen: 0, endedAt: null }))
  const listed = orphans.map(({ id }) => seen(id, { launch: 'unheard-of' }))
  test('many instances that the database never heard of: nothing is ended', () => {
    expect(reconcileTruth(world({ listed, orphans }))).toMatchObject([{ kind: 'halt', reason: expect.stringContaining('3 running instances') }])
    expect(reconcileTruth(world({ listed: listed.slice(1), orphans })).map((decision) => decision.kind)).toEqual(['end-orphan', 'end-orphan'])
  })
  test('fewer than half of the rows of before: nothing is ended', () => {
    const rows = [row('i-8')]
    const kinds = (openBefore: number): string[] => reconcileTruth(world({ listed: [seen('i-1', { launch: null }), seen('i-8', { state: 'stopped' })], rows, orphans, openBefore, launches: [launch('l1')] })).map((decision) => decision.kind)
    expect(kinds(3)).toEqual(['halt'])
    expect(kinds(2)).toEqual(['end', 'end-orphan'])
  })
})
