import { describe, expect, test } from 'vitest'
import { schedule } from './schedule.ts'
import type { PendingAllocation, ScheduleAgent } from './world.ts'

const agent = (id: string, free: number, over: Partial<ScheduleAgent> & { busy?: number } = {}): ScheduleAgent => ({
  id, pool: 'default', enabled: true, draining: false, suspect: false, leaving: false, zone: null, aux: 0, ...over,
  slots: Array.from({ length: free + (over.busy ?? 0) }, (_, i) => ({ id: `s${i}`, busy: i >= free })),
})
const pending = (allocation: string, slots: number, order: number, over: Partial<PendingAllocation> = {}): PendingAllocation => ({ allocation, slots, order, pool: 'default', priority: 42, ...over })

describe('schedule', () => {
  test('the first in goes first, priority before order', () => {
    const decisions = schedule({ agents: [agent('a', 1)], pending: [pending('x', 1, 1), pending('y', 1, 2, { priority: 1 })] })
    expect(decisions).toEqual([
      { kind: 'assign', allocation: 'y', members: [{ rank: 0, agent: 'a', slots: ['s0'] }], reason: 'agent a had 1 free of 1 slots, 1 asked' },
      { kind: 'wait', allocation: 'x', reason: 'waits: pool default has 0 free of 1 slot, 0 experiments ahead' },
    ])
  })

  test('best fit keeps large gaps whole', () => {
    const [decision] = schedule({ agents: [agent('a', 4), agent('b', 2)], pending: [pending('x', 2, 1)] })
    expect(decision).toMatchObject({ kind: 'assign', members: [{ agent: 'b' }] })
  })

  test('a head that waits for slots is not passed by smaller ones, work without slots passes', () => {
    const decisions = schedule({ agents: [agent('a', 1, { busy: 1 })], pending: [pending('big', 2, 1), pending('small', 1, 2), pending('aux', 0, 3)] })
    expect(decisions).toMatchObject([
      { kind: 'wait', allocation: 'big', reason: 'waits: pool default has 1 free of 2 slots, 0 experiments ahead' },
      { kind: 'wait', allocation: 'small', reason: 'waits: pool default has 1 free of 2 slots, 1 experiment ahead' },
      { kind: 'assign', allocation: 'aux' },
    ])
  })

  test('a head that fits nowhere holds up nobody', () => {
    const decisions = schedule({ agents: [agent('a', 2)], pending: [pending('huge', 8, 1), pending('small', 1, 2)] })
    expect(decisions).toMatchObject([
      { kind: 'wait', allocation: 'huge', reason: 'waits: it needs 4 agents with 2 free slots each, in one zone where possible; 1 of pool default has 2 slots, 1 is free, 0 experiments ahead' },
      { kind: 'assign', allocation: 'small' },
    ])
  })

  test.each([
    [[], 'waits: no agent has joined pool default'],
    [[agent('a', 1, { suspect: true }), agent('b', 1, { draining: true, enabled: false }), agent('c', 1, { enabled: false })], 'waits: none of the 3 agents of pool default takes work (1 silent, 1 draining, 1 disabled)'],
    [[agent('a', 1, { pool: 'other' })], 'waits: no agent has joined pool default'],
  ])('says why nobody takes it (%#)', (agents, reason) => {
    expect(schedule({ agents, pending: [pending('x', 1, 1)] })).toEqual([{ kind: 'wait', allocation: 'x', reason }])
  })

  test('an agent that the head cannot use is not kept from those behind', () => {
    const decisions = schedule({ agents: [agent('large', 3, { busy: 1 }), agent('small', 1)], pending: [pending('head', 4, 1), pending('next', 1, 2), pending('last', 1, 3)] })
    expect(decisions).toMatchObject([{ kind: 'wait', allocation: 'head' }, { kind: 'assign', allocation: 'next', members: [{ agent: 'small' }] }, { kind: 'wait', allocation: 'last' }])
  })

  test('work without slots is limited per agent', () => {
    expect(schedule({ agents: [agent('a', 1, { aux: 100 })], pending: [pending('x', 0, 1)] })).toMatchObject([{ kind: 'wait', reason: 'waits: each agent of pool default already holds 100 tasks without slots' }])
  })
})

describe('gangs', () => {
  test('equal whole agents, ranks by id, one decision, in one zone before anywhere', () => {
    const agents = [agent('d', 8, { zone: 'b' }), agent('a', 8, { zone: 'a' }), agent('c', 8, { zone: 'b' }), agent('b', 7, { zone: 'b', busy: 1 })]
    const [decision] = schedule({ agents, pending: [pending('x', 16, 1)] })
    expect(decision).toMatchObject({ kind: 'assign', members: [{ rank: 0, agent: 'c' }, { rank: 1, agent: 'd' }], reason: 'agents c, d had all their 8 slots free, 16 asked, in b' })
    expect(decision).toHaveProperty('members.0.slots.length', 8)
  })

  test('across zones where no zone has enough', () => {
    expect(schedule({ agents: [agent('a', 2, { zone: 'a' }), agent('b', 2, { zone: 'b' })], pending: [pending('x', 4, 1)] }))
      .toMatchObject([{ kind: 'assign', members: [{ agent: 'a' }, { agent: 'b' }], reason: 'agents a, b had all their 2 slots free, 4 asked, no zone had enough of them: in a, b' }])
  })

  test('the fewest and largest agents; what fits on one is never split', () => {
    const agents = [agent('a', 4), agent('b', 4), agent('c', 2), agent('d', 2)]
    expect(schedule({ agents, pending: [pending('x', 8, 1)] })).toMatchObject([{ members: [{ agent: 'a' }, { agent: 'b' }] }])
    expect(schedule({ agents: [agent('a', 3, { busy: 1 }), agent('c', 2), agent('d', 2)], pending: [pending('x', 4, 1)] })).toMatchObject([{ kind: 'wait', reason: 'waits: pool default has 7 free of 8 slots, 0 experiments ahead' }])
  })

  test('says what it lacks', () => {
    expect(schedule({ agents: [agent('a', 2), agent('b', 1, { busy: 1 })], pending: [pending('x', 4, 1)] }))
      .toMatchObject([{ kind: 'wait', reason: 'waits: it needs 2 agents with 2 free slots each, in one zone where possible; 2 of pool default have 2 slots, 1 is free, 0 experiments ahead' }])
  })

  test('says that a number can never fit, and the cure', () => {
    expect(schedule({ agents: [agent('a', 8), agent('b', 8)], pending: [pending('x', 12, 1)] }))
      .toMatchObject([{ kind: 'wait', reason: 'waits: 12 slots cannot be divided evenly over whole agents of pool default, which have 8 slots: ask for at most 8 or for a multiple of 8' }])
  })

  test('an agent that leaves takes no part', () => {
    expect(schedule({ agents: [agent('a', 2), agent('b', 2, { leaving: true })], pending: [pending('x', 4, 1)] })).toMatchObject([{ kind: 'wait' }])
    expect(schedule({ agents: [agent('b', 2, { leaving: true })], pending: [pending('x', 1, 1)] })).toMatchObject([{ reason: 'waits: none of the 1 agent of pool default takes work (1 leaving)' }])
  })

  test('a waiting gang keeps its agents, also while the rest of them is on its way', () => {
    const world = { agents: [agent('a', 2)], pending: [pending('gang', 4, 1), pending('small', 1, 2)] }
    expect(schedule(world)).toMatchObject([{ kind: 'wait' }, { kind: 'assign', allocation: 'small' }])
    expect(schedule({ ...world, coming: [{ pool: 'default', slots: 2 }] })).toMatchObject([{ kind: 'wait' }, { kind: 'wait', allocation: 'small' }])
  })

  test('of two gangs the first gets all, the second nothing', () => {
    const agents = ['a', 'b', 'c'].map((id) => agent(id, 2))
    expect(schedule({ agents, pending: [pending('x', 4, 1), pending('y', 4, 2)] })).toMatchObject([{ kind: 'assign', allocation: 'x' }, { kind: 'wait', allocation: 'y' }])
  })
})
