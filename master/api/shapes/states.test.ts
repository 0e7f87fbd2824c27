import { expect, test } from 'vitest'
import { runState, storedStates } from './states.ts'

test('an ACTIVE experiment shows what its allocation does, any other state shows itself', () => {
  expect(runState('ACTIVE', null)).toBe('STATE_QUEUED')
  expect(runState('ACTIVE', 'RESTORING')).toBe('STATE_STARTING')
  expect(runState('ACTIVE', 'DRAINING')).toBe('STATE_RUNNING')
  expect(runState('PAUSED', 'RUNNING')).toBe('STATE_PAUSED')
})

test('a filter by shown states becomes stored states and states of the live allocation', () => {
  expect(storedStates(['STATE_COMPLETED'])).toEqual({ states: ['COMPLETED'], liveStates: [] })
  expect(storedStates(['STATE_QUEUED'])).toEqual({ states: ['QUEUED'], liveStates: ['PENDING', 'ASSIGNED', null] })
  expect(storedStates(['STATE_RUNNING', 'STATE_PAUSED'])).toEqual({ states: ['RUNNING', 'PAUSED'], liveStates: ['RUNNING', 'DRAINING'] })
})
