import type { AllocationState, ExperimentState, TrialState } from '../../../protocol/words/states.ts'

/** Determined shows what the live allocation does instead of ACTIVE. */
const RUN_STATES: Readonly<Record<AllocationState, string>> = {
  PENDING: 'STATE_QUEUED', ASSIGNED: 'STATE_QUEUED', PULLING: 'STATE_PULLING', RESTORING: 'STATE_STARTING', STARTING: 'STATE_STARTING',
  RUNNING: 'STATE_RUNNING', DRAINING: 'STATE_RUNNING', SEALED: 'STATE_QUEUED',
}

const TASK_STATES: Readonly<Record<AllocationState, string>> = {
  PENDING: 'STATE_QUEUED', ASSIGNED: 'STATE_QUEUED', PULLING: 'STATE_PULLING', RESTORING: 'STATE_STARTING', STARTING: 'STATE_STARTING',
  RUNNING: 'STATE_RUNNING', DRAINING: 'STATE_TERMINATING', SEALED: 'STATE_TERMINATED',
}

const CONTAINER_STATES: Readonly<Record<AllocationState, string>> = {
  PENDING: 'STATE_ASSIGNED', ASSIGNED: 'STATE_ASSIGNED', PULLING: 'STATE_PULLING', RESTORING: 'STATE_STARTING', STARTING: 'STATE_STARTING',
  RUNNING: 'STATE_RUNNING', DRAINING: 'STATE_TERMINATED', SEALED: 'STATE_TERMINATED',
}

export function runState(state: ExperimentState | TrialState, allocation: AllocationState | null): string {
  if (state !== 'ACTIVE') return `STATE_${state}`
  return RUN_STATES[allocation ?? 'PENDING']
}

export function taskState(allocation: AllocationState): string {
  return TASK_STATES[allocation]
}

export function containerState(allocation: AllocationState): string {
  return CONTAINER_STATES[allocation]
}

/**
 * A filter by API states as the tables know them: stored states, and for the four that stand for ACTIVE the states of
 * the live allocation (null: there is none).
 */
export function storedStates(states: readonly string[]): { states: string[]; liveStates: (string | null)[] } {
  const bare = states.filter((state) => state !== 'STATE_UNSPECIFIED').map((state) => state.replace(/^STATE_/, ''))
  const live = Object.entries(RUN_STATES).filter(([state, shown]) => state !== 'SEALED' && bare.includes(shown.slice('STATE_'.length))).map(([state]) => state)
  return { states: bare, liveStates: bare.includes('QUEUED') ? [...live, null] : live }
}
