/** States as the API writes them (`STATE_ACTIVE`), in words and colours. One table for all pages. */

/** Mantine colour names; chosen so that light and dark both keep the text legible. */
type StateColour = 'blue' | 'teal' | 'gray' | 'red' | 'yellow' | 'orange' | 'cyan'

export interface StateLook {
  label: string
  colour: StateColour
  /** something is under way: the mark pulses */
  moving: boolean
}

const LOOKS: Readonly<Record<string, StateLook>> = {
  ACTIVE: { label: 'Active', colour: 'blue', moving: true },
  ASSIGNED: { label: 'Assigned', colour: 'cyan', moving: true },
  TERMINATED: { label: 'Ended', colour: 'gray', moving: false },
  QUEUED: { label: 'Queued', colour: 'yellow', moving: false },
  PULLING: { label: 'Pulling image', colour: 'cyan', moving: true },
  STARTING: { label: 'Starting', colour: 'cyan', moving: true },
  RUNNING: { label: 'Running', colour: 'blue', moving: true },
  PAUSED: { label: 'Paused', colour: 'gray', moving: false },
  STOPPING_COMPLETED: { label: 'Completing', colour: 'teal', moving: true },
  STOPPING_CANCELED: { label: 'Canceling', colour: 'orange', moving: true },
  STOPPING_KILLED: { label: 'Being killed', colour: 'orange', moving: true },
  STOPPING_ERROR: { label: 'Failing', colour: 'red', moving: true },
  COMPLETED: { label: 'Completed', colour: 'teal', moving: false },
  CANCELED: { label: 'Canceled', colour: 'gray', moving: false },
  ERROR: { label: 'Failed', colour: 'red', moving: false },
  DELETING: { label: 'Deleting', colour: 'orange', moving: true },
  DELETE_FAILED: { label: 'Delete failed', colour: 'red', moving: false },
  DELETED: { label: 'Deleted', colour: 'gray', moving: false },
  PARTIALLY_DELETED: { label: 'Partly deleted', colour: 'orange', moving: false },
}

/** `STATE_STOPPING_KILLED` and `STOPPING_KILLED` alike. */
export function bareState(state: string): string {
  return state.startsWith('STATE_') ? state.slice(6) : state
}

/** A state this page does not know is shown as it came: a newer master must not break an open page. */
export function lookOf(state: string): StateLook {
  const bare = bareState(state)
  return LOOKS[bare] ?? { label: bare.toLowerCase().replaceAll('_', ' '), colour: 'gray', moving: false }
}

const CHECKPOINT_LOOKS: Readonly<Record<string, StateLook>> = {
  ACTIVE: { label: 'Uploading', colour: 'blue', moving: true },
  COMPLETED: { label: 'Committed', colour: 'teal', moving: false },
}

/** A checkpoint's words differ: ACTIVE means its bytes are on their way. */
export function checkpointLookOf(state: string): StateLook {
  return CHECKPOINT_LOOKS[bareState(state)] ?? lookOf(state)
}

const INSTANCE_LOOKS: Readonly<Record<string, StateLook>> = {
  LAUNCHING: { label: 'Asking EC2', colour: 'cyan', moving: true },
  STARTING: { label: 'Starting', colour: 'cyan', moving: true },
  READY: { label: 'Idle', colour: 'yellow', moving: false },
  RETIRING: { label: 'Retiring', colour: 'orange', moving: true },
  TERMINATING: { label: 'Ending', colour: 'orange', moving: true },
  GONE: { label: 'Ended', colour: 'gray', moving: false },
  FAILED: { label: 'Refused', colour: 'red', moving: false },
}

/** READY alone says too little: an instance that works is told from one that only costs. */
export function instanceLookOf(state: string, isBusy: boolean): StateLook {
  if (state === 'READY' && isBusy) return { label: 'Busy', colour: 'blue', moving: false }
  return INSTANCE_LOOKS[state] ?? lookOf(state)
}

const TERMINAL = new Set(['COMPLETED', 'CANCELED', 'ERROR', 'DELETED'])
const ACTIVE = new Set(['ACTIVE', 'QUEUED', 'PULLING', 'STARTING', 'RUNNING'])

export function isTerminalState(state: string): boolean {
  return TERMINAL.has(bareState(state))
}

function isActiveState(state: string): boolean {
  return ACTIVE.has(bareState(state))
}

export type ExperimentAction = 'pause' | 'activate' | 'cancel' | 'kill'

/** What a person may ask of an experiment in this state, in the order of the menu. */
export function actionsOf(state: string): ExperimentAction[] {
  const bare = bareState(state)
  if (bare === 'PAUSED') return ['activate', 'cancel', 'kill']
  if (isActiveState(bare)) return ['pause', 'cancel', 'kill']
  if (bare.startsWith('STOPPING_') && bare !== 'STOPPING_KILLED') return ['kill']
  return []
}

/** Groups of the state filter. */
export const STATE_FILTERS: readonly { value: string; label: string; states: readonly string[] }[] = [
  { value: 'running', label: 'Active', states: ['ACTIVE', 'QUEUED', 'PULLING', 'STARTING', 'RUNNING', 'STOPPING_COMPLETED', 'STOPPING_CANCELED', 'STOPPING_KILLED', 'STOPPING_ERROR'] },
  { value: 'paused', label: 'Paused', states: ['PAUSED'] },
  { value: 'completed', label: 'Completed', states: ['COMPLETED'] },
  { value: 'failed', label: 'Failed', states: ['ERROR'] },
  { value: 'canceled', label: 'Canceled', states: ['CANCELED'] },
]
