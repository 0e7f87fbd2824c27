/** States and their allowed moves. Any other move throws: a state never goes back. */

/**
 * PENDING > ASSIGNED > PULLING > RESTORING > STARTING > RUNNING > DRAINING > SEALED
 *    \__________________ any of these may go straight to DRAINING or SEALED _______/
 * In DRAINING the container is gone and its slots are free; the epoch is kept until every declared
 * checkpoint is committed, failed or past its deadline (I2, I8).
 */
export const ALLOCATION_STATES = ['PENDING', 'ASSIGNED', 'PULLING', 'RESTORING', 'STARTING', 'RUNNING', 'DRAINING', 'SEALED'] as const
export type AllocationState = (typeof ALLOCATION_STATES)[number]

export function canMoveAllocation(from: AllocationState, to: AllocationState): boolean {
  return ALLOCATION_STATES.indexOf(to) > ALLOCATION_STATES.indexOf(from)
}

/** States in which the allocation holds its slots. */
export function holdsSlots(state: AllocationState): boolean {
  return state !== 'PENDING' && state !== 'DRAINING' && state !== 'SEALED'
}

/** Stored without prefix; the API adds `STATE_`. */
export const EXPERIMENT_STATES = [
  'ACTIVE', 'PAUSED', 'STOPPING_COMPLETED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'STOPPING_ERROR',
  'COMPLETED', 'CANCELED', 'ERROR', 'DELETING', 'DELETE_FAILED', 'DELETED',
] as const
export type ExperimentState = (typeof EXPERIMENT_STATES)[number]

const EXPERIMENT_MOVES: Readonly<Record<ExperimentState, readonly ExperimentState[]>> = {
  ACTIVE: ['PAUSED', 'STOPPING_COMPLETED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'STOPPING_ERROR'],
  PAUSED: ['ACTIVE', 'STOPPING_COMPLETED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'STOPPING_ERROR'],
  STOPPING_COMPLETED: ['COMPLETED', 'STOPPING_KILLED'],
  STOPPING_CANCELED: ['CANCELED', 'STOPPING_KILLED'],
  STOPPING_KILLED: ['CANCELED'],
  STOPPING_ERROR: ['ERROR', 'STOPPING_KILLED'],
  COMPLETED: ['DELETING', 'ACTIVE'],
  CANCELED: ['DELETING', 'ACTIVE'],
  ERROR: ['DELETING', 'ACTIVE'],
  DELETING: ['DELETED', 'DELETE_FAILED'],
  DELETE_FAILED: ['DELETING'],
  DELETED: [],
}

export function canMoveExperiment(from: ExperimentState, to: ExperimentState): boolean {
  return EXPERIMENT_MOVES[from].includes(to)
}

export function isTerminal(state: ExperimentState): boolean {
  return state === 'COMPLETED' || state === 'CANCELED' || state === 'ERROR' || state === 'DELETED'
}

/** A trial ends exactly once (I6). */
export const TRIAL_STATES = ['ACTIVE', 'PAUSED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'COMPLETED', 'CANCELED', 'ERROR'] as const
export type TrialState = (typeof TRIAL_STATES)[number]

/** ACTIVE: declared by the agent, bytes on their way. COMPLETED: verified and committed (I4). */
export const CHECKPOINT_STATES = ['ACTIVE', 'COMPLETED', 'ERROR', 'DELETED', 'PARTIALLY_DELETED'] as const
export type CheckpointState = (typeof CHECKPOINT_STATES)[number]

/** What the master wants of an allocation that an agent holds. */
export const WANTS = ['run', 'preempt', 'stop', 'kill', 'discard'] as const
export type Want = (typeof WANTS)[number]
