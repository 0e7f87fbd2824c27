import { describe, expect, test } from 'vitest'
import { scale } from './decide.ts'
import { agentOf, instanceOf, launchOf, NOW, pendingOf, poolOf, startingOf, worldOf } from './rig.ts'
import type { ScaleDecision, ScaleWorld } from './world.ts'

const decide = (over: Partial<ScaleWorld>): ScaleDecision[] => scale(worldOf(over))
const acts = (over: Partial<ScaleWorld>): ScaleDecision[] => decide(over).filter((decision) => decision.kind !== 'tell')
const tells = (over: Partial<ScaleWorld>): string[] => decide(over).flatMap((decision) => (decision.kind === 'tell' ? [decision.text] : []))
const SPOT_FIRST = { instanceTypes: ['small', 'large'], market: 'spot-then-on-demand', places: [{ subnet: null, zone: 'a' }, { subnet: null, zone: 'b' }] } as const

describe('what the old scale decider promised', () => {
  test('nothing waits, nothing runs: nothing', () => expect(decide({})).toEqual([]))

  test('launches what waits needs, up to the cap', () => {
    const pending = [1, 2, 3].map((n) => pendingOf(`t-${n}.1`, 1, n))
    expect(acts({ pending })).toMatchObject([{ kind: 'launch', pool: 'p', count: 3, gang: false, offer: { type: 'small', zone: 'a', slots: 1 }, allocations: ['t-1.1', 't-2.1', 't-3.1'] }])
    expect(acts({ pending, pools: [poolOf({ maxInstances: 2 })] })).toMatchObject([{ kind: 'launch', count: 2, allocations: ['t-1.1', 't-2.1'] }])
  })

  test('packs several on one node', () => {
    const pools = [poolOf({ instanceTypes: ['large'] })]
    expect(acts({ pools, pending: [1, 2, 3, 4, 5].map((n) => pendingOf(`t-${n}.1`, 1, n)) })).toMatchObject([{ kind: 'launch', count: 2 }])
    expect(acts({ pools, pending: [pendingOf('a.1', 3, 1), pendingOf('b.1', 3, 2), pendingOf('c.1', 1, 3)] })).toMatchObject([{ kind: 'launch', count: 2 }])
  })

  test('launches nothing for what starts, what was asked for, or what fits', () => {
    const pending = [pendingOf('a.1', 1)]
    expect(acts({ pending, instances: [startingOf('i-1', 1)] })).toEqual([])
    expect(acts({ pending, launches: [launchOf('l', 1, 1)] })).toEqual([])
    expect(acts({ pending, instances: [instanceOf('i-1', 1)], agents: [agentOf('i-1', 1)] })).toEqual([])
    expect(acts({ pending, agents: [agentOf('local', 1)] })).toEqual([])
    expect(acts({ pending: [...pending, pendingOf('b.1', 1, 2)], launches: [launchOf('l', 1, 1)] })).toMatchObject([{ kind: 'launch', count: 1, allocations: ['b.1'] }])
  })

  test('keeps min_instances, launches no more than max_instances', () => {
    expect(acts({ pools: [poolOf({ minInstances: 2 })] })).toMatchObject([{ kind: 'launch', count: 2, allocations: [] }])
    expect(acts({ pools: [poolOf({ minInstances: 2 })], instances: [startingOf('i-1', 1)] })).toMatchObject([{ kind: 'launch', count: 1 }])
    expect(acts({ pools: [poolOf({ maxInstances: 1 })], pending: [pendingOf('a.1', 1)], instances: [instanceOf('i-1', 1, { live: ['x.1'], idleSince: null })], agents: [agentOf('i-1', 1, 1)] })).toEqual([])
  })

  test('retires what idles for too long, never below min_instances, the longest idle first', () => {
    const instances = [instanceOf('i-1', 1, { idleSince: NOW - 300_000 }), instanceOf('i-2', 1, { idleSince: NOW - 400_000 }), instanceOf('i-3', 1, { idleSince: NOW - 299_999 })]
    const agents = instances.map(({ id }) => agentOf(id, 1))
    expect(acts({ instances, agents })).toMatchObject([{ kind: 'retire', instance: 'i-2' }, { kind: 'retire', instance: 'i-1' }])
    expect(acts({ instances, agents, pools: [poolOf({ minInstances: 2 })] })).toMatchObject([{ kind: 'retire', instance: 'i-2', reason: 'i-2 idles for 7 minutes, 5 minutes are allowed, and nothing that waits fits on it: 2 others stay, min_instances is 2' }])
  })

  test('keeps an idle one that something waits for', () => {
    const instances = [instanceOf('i-1', 1, { idleSince: NOW - 300_000 })]
    expect(acts({ instances, agents: [agentOf('i-1', 1)], pending: [pendingOf('a.1', 1)] })).toEqual([])
  })

  test('keeps an idle one that a gang in front waits for', () => {
    const pools = [poolOf({ instanceTypes: ['large'], maxInstances: 2 })]
    const instances = [instanceOf('i-1', 4, { idleSince: NOW - 300_000 }), instanceOf('i-2', 4, { live: ['x.1'], idleSince: null })]
    const agents = [agentOf('i-1', 4), agentOf('i-2', 4, 1)]
    expect(acts({ pools, instances, agents, pending: [pendingOf('g.1', 8)] })).toEqual([])
    expect(acts({ pools, instances, agents })).toMatchObject([{ kind: 'retire', instance: 'i-1' }])
  })

  test('over the cap: idle ones first, the newest first, never one with live work', () => {
    const instances = [
      instanceOf('i-1', 1, { launchedAt: NOW - 100, live: ['a.1'], idleSince: null }), instanceOf('i-2', 1, { launchedAt: NOW - 900 }),
      instanceOf('i-3', 1, { launchedAt: NOW - 800 }), startingOf('i-4', 1, { launchedAt: NOW - 50 }),
    ]
    expect(acts({ instances, pools: [poolOf({ maxInstances: 2 })] })).toMatchObject([{ kind: 'retire', instance: 'i-3' }, { kind: 'retire', instance: 'i-2' }])
    expect(acts({ instances, pools: [poolOf({ maxInstances: 0 })] })).toMatchObject([{ instance: 'i-3' }, { instance: 'i-2' }, { kind: 'terminate', instance: 'i-4', strike: false }])
  })

  test('a boot that never registers is ended with a strike; the third pauses the pool', () => {
    const instances = [startingOf('i-1', 1, { launchedAt: NOW - 720_001 })]
    expect(acts({ instances })).toMatchObject([{ kind: 'terminate', instance: 'i-1', strike: true, reason: 'i-1 was launched 12 minutes ago and its agent never registered, 12 minutes are allowed: see its console output' }])
    expect(acts({ instances, pools: [poolOf({}, { strikes: 2 })], pending: [pendingOf('a.1', 1)] })).toMatchObject([{ kind: 'terminate', strike: true }, { kind: 'pause', pool: 'p' }])
    expect(tells({ pools: [poolOf({}, { paused: 'because' })], pending: [pendingOf('a.1', 1)] })).toEqual(['1 allocation waits, 1 slot in all; nothing is launched, the pool is paused: because'])
  })
})

describe('offers', () => {
  test('every spot offer of every type and zone before the first on-demand one', () => {
    const dry = (type: string, zone: string | null, market: 'spot' | 'on-demand') => ({ type, zone, market, until: NOW + 60_000, code: 'InsufficientInstanceCapacity' })
    const marks = [dry('small', 'a', 'spot'), dry('small', 'b', 'spot'), dry('large', null, 'spot'), dry('small', null, 'on-demand')]
    const tried = marks.map((_, n) => acts({ pools: [poolOf(SPOT_FIRST, { dry: marks.slice(0, n + 1) })], pending: [pendingOf('a.1', 1)] }))
    expect(tried).toMatchObject([
      [{ offer: { type: 'small', zone: 'b', market: 'spot' } }], [{ offer: { type: 'large', zone: 'a', market: 'spot' } }],
      [{ offer: { type: 'small', zone: 'a', market: 'on-demand' } }], [{ offer: { type: 'large', zone: 'a', market: 'on-demand' } }],
    ])
    expect(tells({ pools: [poolOf({}, { dry: [dry('small', 'a', 'on-demand')] })], pending: [pendingOf('a.1', 1)] })).toEqual([
      '1 allocation waits, 1 slot in all; EC2 refused small in a, on-demand (InsufficientInstanceCapacity), tried again from 13:47:40 UTC',
    ])
  })

  test('a mark that is over counts no more', () => {
    expect(acts({ pools: [poolOf({}, { dry: [{ type: 'small', zone: null, market: 'on-demand', until: NOW, code: 'x' }] })], pending: [pendingOf('a.1', 1)] })).toMatchObject([{ kind: 'launch' }])
  })

  test('too dear is left out, a price that is not known is tried', () => {
    const prices = [{ type: 'small', zone: null, market: 'on-demand', perHour: 2 }] as const
    const limit = { instanceTypes: ['small', 'large'], maxPricePerHour: 1 }
    expect(acts({ pools: [poolOf(limit, { prices })], pending: [pendingOf('a.1', 1)] })).toMatchObject([{ offer: { type: 'large', perHour: null } }])
    expect(tells({ pools: [poolOf({ maxPricePerHour: 1 }, { prices })], pending: [pendingOf('a.1', 1)] })).toEqual(['1 allocation waits, 1 slot in all; too dear: small in a, on-demand costs $2.0000 an hour, the limit is $1: raise the limit or wait'])
  })

  test('types whose slots cannot take it are skipped', () => {
    expect(acts({ pools: [poolOf({ instanceTypes: ['small', 'large', 'huge'] })], pending: [pendingOf('a.1', 3)] })).toMatchObject([{ offer: { type: 'large' }, count: 1 }])
    const cpu = { types: [{ type: 'small', gpus: 0, vcpus: 4 }] }
    expect(acts({ pools: [poolOf({}, cpu)], pending: [pendingOf('a.1', 1)] })).toEqual([])
    expect(acts({ pools: [poolOf({}, cpu)], pending: [pendingOf('a.1', 0)] })).toMatchObject([{ offer: { slots: 0 } }])
    expect(acts({ pools: [poolOf({ cpuSlotsAllowed: true }, cpu)], pending: [pendingOf('a.1', 1)] })).toMatchObject([{ offer: { slots: 1 } }])
    expect(acts({ pools: [poolOf({ instanceSlots: 3 }, cpu)], pending: [pendingOf('a.1', 3)] })).toMatchObject([{ offer: { slots: 3 }, count: 1 }])
  })

  test('before EC2 is heard nothing is launched and nothing is said to be impossible', () => {
    const pools = [poolOf({ places: [] }, { types: [] })]
    for (const slots of [0, 1]) {
      expect(decide({ pools, pending: [pendingOf('a.1', slots)] })).toEqual([
        { kind: 'tell', pool: 'p', text: `1 allocation waits, ${slots === 0 ? '0 slots' : '1 slot'} in all; EC2 has told of no type and place for pool p (small): check its credentials, instance_type and the subnets` },
      ])
    }
  })

  test('says what can never fit, and the cure', () => {
    expect(tells({ pools: [poolOf({ instanceTypes: ['huge'] })], pending: [pendingOf('a.1', 12)] })).toEqual(['1 allocation waits, 12 slots in all; a.1 needs 12 slots, which no number of equal nodes gives (huge has 8): ask for a multiple, or add a larger type'])
    expect(tells({ pools: [poolOf({ instanceTypes: ['huge'], maxInstances: 1 })], pending: [pendingOf('a.1', 16)] })[0]).toContain('a.1 needs 16 slots, that is 2 nodes, and max_instances is 1: ask for less, or raise it')
  })
})

describe('calls', () => {
  test('none before the time between two calls is over', () => {
    const pending = [pendingOf('a.1', 1)]
    expect(acts({ pending, pools: [poolOf({}, { lastCallAt: NOW - 4_999 })] })).toEqual([])
    expect(acts({ pending, pools: [poolOf({}, { lastCallAt: NOW - 5_000 })] })).toMatchObject([{ kind: 'launch' }])
  })

  test('asks again where the outcome is not known, before anything new', () => {
    const pending = [pendingOf('a.1', 1), pendingOf('b.1', 1, 2)]
    expect(acts({ pending, launches: [launchOf('l', 1, 1, { calledAt: NOW - 15_001 })] })).toMatchObject([{ kind: 'call-again', launch: 'l' }])
    expect(acts({ pending, launches: [launchOf('l', 1, 1, { calledAt: null, decidedAt: NOW - 5_001 })] })).toMatchObject([{ kind: 'call-again', launch: 'l' }])
    expect(acts({ pending: [], launches: [launchOf('l', 1, 1, { calledAt: null, decidedAt: NOW - 5_000 })] })).toEqual([])
    expect(acts({ launches: [launchOf('l', 1, 1, { calledAt: NOW - 15_001 })], pools: [poolOf({}, { lastCallAt: NOW - 1 })] })).toEqual([])
  })

  test('an answer that left a call open is told with its code, and is the reason to ask again', () => {
    const launches = [launchOf('l', 1, 1, { calledAt: null, decidedAt: NOW - 5_001, openCode: 'RequestLimitExceeded' })]
    expect(tells({ pending: [pendingOf('a.1', 1)], launches })[0]).toContain('EC2 is asked for 1 x small in a, on-demand (it answered RequestLimitExceeded: asked again with the same token, which makes nothing twice)')
    expect(acts({ pending: [pendingOf('a.1', 1)], launches })).toMatchObject([{ kind: 'call-again', reason: expect.stringMatching(/^EC2 answered RequestLimitExceeded: /) }])
  })

  test('what an open call has already made is not counted twice', () => {
    const instances = [startingOf('i-1', 1, { launch: 'l' })]
    expect(acts({ instances, launches: [launchOf('l', 2, 1)], pending: [1, 2, 3].map((n) => pendingOf(`t-${n}.1`, 1, n)) })).toMatchObject([{ kind: 'launch', count: 1 }])
  })

  test('the sentence is decided only where it changes', () => {
    const pending = [pendingOf('a.1', 1)]
    const [note] = tells({ pending, instances: [startingOf('i-1', 1)] })
    expect(note).toBe('1 allocation waits, 1 slot in all; 1 instance is starting')
    expect(decide({ pending, instances: [startingOf('i-1', 1)], pools: [poolOf({}, { note: note ?? '' })] })).toEqual([])
    expect(tells({ pools: [poolOf({}, { note: 'old' })] })).toEqual([''])
  })
})

describe('gangs', () => {
  const pools = [poolOf({ instanceTypes: ['large', 'huge'], maxInstances: 4 })]
  test('all of one offer, in one call, all or nothing', () => {
    expect(acts({ pools, pending: [pendingOf('g.1', 16), pendingOf('b.1', 1, 2)] })).toMatchObject([{ kind: 'launch', gang: true, count: 4, offer: { type: 'large' }, allocations: ['g.1'] }])
    expect(acts({ pools: [poolOf({ instanceTypes: ['large', 'huge'], maxInstances: 3 })], pending: [pendingOf('g.1', 16)] })).toMatchObject([{ gang: true, count: 2, offer: { type: 'huge' } }])
  })

  test('empty nodes that are there are part of it', () => {
    expect(acts({ pools, pending: [pendingOf('g.1', 16)], agents: [agentOf('local', 4)] })).toMatchObject([{ gang: true, count: 3 }])
  })

  test('where the cap leaves too few, running work is waited for', () => {
    const instances = [instanceOf('i-1', 4, { live: ['x.1'], idleSince: null }), instanceOf('i-2', 4, { live: ['y.1'], idleSince: null }), instanceOf('i-3', 4, { live: ['z.1'], idleSince: null })]
    const agents = instances.map(({ id }) => agentOf(id, 4, 1))
    expect(acts({ pools, instances, agents, pending: [pendingOf('g.1', 16), pendingOf('b.1', 4, 2)] })).toMatchObject([{ kind: 'launch', gang: true, count: 1, allocations: ['g.1'] }])
  })

  test('idle nodes of its size wait for what the gang still lacks, others make room', () => {
    const idle = { idleSince: NOW - 300_000 }
    const instances = [instanceOf('i-1', 4, idle), instanceOf('i-2', 4, idle), instanceOf('i-3', 4, idle)]
    const agents = instances.map(({ id }) => agentOf(id, 4))
    expect(acts({ pools, instances, agents, pending: [pendingOf('g.1', 16)] })).toMatchObject([{ kind: 'launch', count: 1 }])
    const other = [...instances, instanceOf('i-4', 1, idle)]
    expect(acts({ pools, instances: other, agents: [...agents, agentOf('i-4', 1)], pending: [pendingOf('g.1', 16)] })).toMatchObject([{ kind: 'retire', instance: 'i-4' }])
  })

  test('the rest of a gang that is not whole is given back and another offer comes first', () => {
    const mate = (id: string, over = {}) => startingOf(id, 4, { launch: 'l', gang: true, launchCount: 4, allocations: ['g.1'], ...over })
    const whole = ['i-1', 'i-2', 'i-3', 'i-4'].map((id) => mate(id))
    const pending = [pendingOf('g.1', 16)]
    expect(acts({ pools, pending, instances: whole })).toEqual([])
    const ready = mate('i-3', { state: 'READY', registeredAt: NOW - 5, idleSince: NOW - 5 })
    expect(acts({ pools, pending, instances: [mate('i-1'), mate('i-2'), ready], agents: [agentOf('i-3', 4)] })).toMatchObject([
      { kind: 'terminate', instance: 'i-1', strike: false }, { kind: 'terminate', instance: 'i-2' }, { kind: 'retire', instance: 'i-3' },
    ])
    expect(acts({ pools: [poolOf({ instanceTypes: ['large', 'huge'], maxInstances: 6 })], pending, instances: [mate('i-1', { state: 'TERMINATING' })] })).toMatchObject([{ kind: 'launch', count: 2, offer: { type: 'huge' } }])
    expect(acts({ pools, pending: [], instances: [mate('i-1')] })).toEqual([])
  })
})

describe('ends', () => {
  const going = (over: object) => instanceOf('i-1', 1, { state: 'RETIRING', retiringAt: NOW - 10_000, ...over })
  test('drained, or silent for too long; never with live work (I8)', () => {
    expect(acts({ instances: [going({ drained: true })] })).toMatchObject([{ kind: 'terminate', instance: 'i-1', strike: false }])
    expect(acts({ instances: [going({})] })).toEqual([])
    expect(acts({ instances: [going({ retiringAt: NOW - 60_001, silentMs: 60_001 })] })).toMatchObject([{ kind: 'terminate' }])
    expect(acts({ instances: [going({ retiringAt: NOW - 600_000, silentMs: 600_000, drained: true, live: ['a.1'] })] })).toEqual([])
  })

  test('a replacement for a spot instance that EC2 takes is ordered at once, beside the cap', () => {
    const instances = [instanceOf('i-1', 4, { notice: 'spot', live: ['a.1', 'b.1'], idleSince: null })]
    const agents = [agentOf('i-1', 4, 3, { leaving: true })]
    const pools = [poolOf({ instanceTypes: ['large'], maxInstances: 1 })]
    expect(acts({ pools, instances, agents })).toMatchObject([{ kind: 'launch', count: 1, allocations: ['a.1', 'b.1'] }])
    expect(acts({ pools, instances: [...instances, startingOf('i-2', 4)], agents })).toEqual([])
    expect(acts({ pools, instances: [...instances, instanceOf('i-3', 4, { notice: 'spot', live: ['c.1'], idleSince: null })], agents })).toEqual([])
  })

  test('an idle one under notice goes at once, also the last of min_instances', () => {
    expect(acts({ pools: [poolOf({ minInstances: 1, maxInstances: 1 })], instances: [instanceOf('i-1', 1, { notice: 'rebalance' })] })).toMatchObject([{ kind: 'retire', instance: 'i-1' }])
  })

  test('idle nodes that nobody can use make room under the cap, even of min_instances', () => {
    const pools = [poolOf({ instanceTypes: ['small', 'large'], minInstances: 1, maxInstances: 1 })]
    const instances = [instanceOf('i-1', 1, { idleSince: NOW - 300_000 })]
    const agents = [agentOf('i-1', 1)]
    expect(acts({ pools, instances, agents, pending: [pendingOf('a.1', 4)] })).toMatchObject([{ kind: 'retire', instance: 'i-1', reason: 'i-1 idles for 5 minutes, 5 minutes are allowed, and nothing that waits fits on it: it makes room under the cap of 1 instance' }])
    expect(acts({ pools, instances, agents })).toEqual([])
  })

  test('instances of a pool that is no longer configured end once no work lives on them', () => {
    expect(acts({ instances: [instanceOf('i-1', 1, { pool: 'old' }), instanceOf('i-2', 1, { pool: 'old', live: ['a.1'] }), startingOf('i-3', 1, { pool: 'old' })] }))
      .toMatchObject([{ kind: 'retire', instance: 'i-1' }, { kind: 'terminate', instance: 'i-3', strike: false }])
  })
})
