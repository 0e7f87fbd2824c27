import { describe, expect, it } from 'vitest'
import type { Agent } from '../api/shapes.ts'
import { agentLook, runningOn, slotsOf } from './slots.ts'

const container = { id: 'c1', parent: 'trial-7.2', state: 'STATE_RUNNING', drover: { experimentId: 3, trialId: 7 } }
const agent: Agent = {
  id: 'gpu-1',
  enabled: true,
  slots: {
    '10': { id: '10', device: { type: 'TYPE_CUDA' }, enabled: false },
    '2': { id: '2', device: { brand: 'NVIDIA A100', uuid: 'GPU-2' }, container },
    '3': { id: '3', draining: true },
    '4': { enabled: true },
  },
  containers: { c1: container, c2: { id: 'c2', parent: 'notebook-abc.1', state: 'STATE_PULLING' }, c3: { id: 'c3', parent: 'trial-1.1', state: 'STATE_TERMINATED' } },
}

describe('slotsOf', () => {
  it('says of each slot what it is used for, in the order of the numbers', () => {
    expect(slotsOf(agent).map((slot) => [slot.id, slot.use, slot.device])).toEqual([['2', 'busy', 'NVIDIA A100'], ['3', 'draining', 'slot'], ['4', 'free', 'slot'], ['10', 'disabled', 'CUDA']])
  })

  it('takes no slot of a disabled agent for free', () => {
    expect(slotsOf({ ...agent, enabled: false }).map((slot) => slot.use)).toEqual(['busy', 'disabled', 'disabled', 'disabled'])
  })

  it('shows the number on the machine where the id says none', () => {
    const slots = slotsOf({ id: 'x', slots: { 'GPU-b': { id: 'GPU-b', drover: { index: 1 } }, 'GPU-c': { id: 'GPU-c', drover: { index: 0 } } } })
    expect(slots.map((slot) => [slot.id, slot.mark])).toEqual([['GPU-c', '0'], ['GPU-b', '1']])
  })

  it('is empty where nothing is known', () => {
    expect(slotsOf({ id: 'x' })).toEqual([])
    expect(runningOn({ id: 'x' })).toEqual([])
  })
})

describe('runningOn', () => {
  it('names each allocation once and knows the trial', () => {
    expect(runningOn(agent)).toEqual([
      { allocation: 'notebook-abc.1', trialId: null, experimentId: null, state: 'STATE_PULLING' },
      { allocation: 'trial-7.2', trialId: 7, experimentId: 3, state: 'STATE_RUNNING' },
    ])
  })
})

describe('agentLook', () => {
  it('says first how the agent is heard', () => {
    expect(agentLook({ id: 'a', drover: { status: 'lost', seenAt: null }, enabled: true }).label).toBe('Lost')
    expect(agentLook({ id: 'a', drover: { status: 'suspect', seenAt: null }, draining: true }).label).toBe('Silent')
    expect(agentLook({ id: 'a', draining: true, enabled: false }).label).toBe('Draining')
    expect(agentLook({ id: 'a', enabled: false }).label).toBe('Disabled')
    expect(agentLook({ id: 'a' }).label).toBe('Ready')
  })
})
