import { EXPERIMENT_STATES, TRIAL_STATES } from '../../../../protocol/words/states.ts'
import { describe, expect, it } from 'vitest'
import { actionsOf, checkpointLookOf, isTerminalState, lookOf, STATE_FILTERS } from './states.ts'

describe('states in words', () => {
  it('has a look of its own for every experiment and trial state of the protocol', () => {
    const unknown = lookOf('STATE_NO_SUCH_THING')
    expect(unknown).toEqual({ label: 'no such thing', colour: 'gray', moving: false })
    for (const state of [...EXPERIMENT_STATES, ...TRIAL_STATES]) {
      expect(lookOf(`STATE_${state}`).label, state).not.toBe(state.toLowerCase().replaceAll('_', ' '))
    }
  })

  it('offers no action once the end is reached', () => {
    for (const state of EXPERIMENT_STATES.filter(isTerminalState)) expect(actionsOf(`STATE_${state}`), state).toEqual([])
    expect(actionsOf('STATE_ACTIVE')).toEqual(['pause', 'cancel', 'kill'])
    expect(actionsOf('STATE_PAUSED')).toEqual(['activate', 'cancel', 'kill'])
    expect(actionsOf('STATE_STOPPING_CANCELED')).toEqual(['kill'])
    expect(actionsOf('STATE_STOPPING_KILLED')).toEqual([])
  })

  it('says of an active checkpoint that it is uploading', () => {
    expect(checkpointLookOf('STATE_ACTIVE').label).toBe('Uploading')
    expect(checkpointLookOf('STATE_ERROR').label).toBe('Failed')
  })

  it('puts no state into two filters', () => {
    const all = STATE_FILTERS.flatMap((filter) => filter.states)
    expect(new Set(all).size).toBe(all.length)
  })
})
