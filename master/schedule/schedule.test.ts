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
      { kind: 'wait', allocation: 'huge', reason: 'waits: it needs 8 slots on one agent, the largest of pool default has 2' },
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

  test('work without slots is limited per agent', () => {
    expect(schedule({ agents: [agent('a', 1, { aux: 100 })], pending: [pending('x', 0, 1)] })).toMatchObject([{ kind: 'wait', reason: 'waits: each agent of pool default already holds 100 tasks without slots' }])
  })
})
