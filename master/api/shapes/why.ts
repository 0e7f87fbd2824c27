import type { ApiWhy } from '../../../protocol/wire/api.ts'
import type { StartingRow } from '../../store/queries/herd.ts'
import type { ExperimentRow } from '../../store/queries/experiments.ts'
import type { TrialRow } from '../../store/queries/trials.ts'
import { runState } from './states.ts'
import { spanText } from './words.ts'

export function whyTrial(row: TrialRow): ApiWhy['trials'][number] {
  const allocation = row.allocation
  return {
    trialId: row.id, state: `STATE_${row.state}`, stateReason: row.state_reason, allocationId: allocation?.id ?? null, allocationState: allocation?.state ?? null, waitReason: allocation?.wait_reason ?? '',
    want: allocation?.want ?? '', wantReason: allocation?.want_reason ?? '', exitKind: allocation?.exit_kind ?? null, exitText: allocation?.exit_text ?? '',
  }
}

export function startingShape(row: StartingRow): ApiWhy['starting'][number] {
  return { id: row.id, launch: row.launch_id, state: row.state, type: row.type, zone: row.zone, market: row.market, perHour: row.per_hour, ageSeconds: row.age_seconds }
}

export function isWaiting(row: ExperimentRow): boolean {
  return row.state === 'ACTIVE' && row.allocation_state === 'PENDING'
}

/** One or two sentences. */
export function whySummary(row: ExperimentRow, trials: readonly TrialRow[], facts: WaitFacts & { newest: string | undefined }): string {
  const shown = runState(row.state, row.allocation_state).slice('STATE_'.length)
  const failed = trials.map((trial) => trial.allocation).find((allocation) => allocation?.exit_kind && allocation.exit_kind !== 'completed' && allocation.exit_text !== '')
  const cause = row.state_reason || waitText(row, facts) || trials.find((trial) => trial.state_reason !== '')?.state_reason || (row.state === 'ERROR' ? failed?.exit_text : undefined) || facts.newest
  return cause ? `experiment ${row.id} is ${shown}: ${cause}` : `experiment ${row.id} is ${shown}`
}

export interface WaitFacts {
  /** of its pool */
  note: string
  starting: readonly StartingRow[]
}

/** What waits for EC2 is told in the words of its pool, which know more than the scheduler's. '' = it does not wait. */
export function waitText(row: ExperimentRow, { note, starting }: WaitFacts): string {
  if (!isWaiting(row)) return row.wait_reason ?? ''
  const [first] = starting
  if (first) return `${startingText(first)}${starting.length > 1 ? ` and ${starting.length - 1} more` : ''}`
  return note || (row.wait_reason ?? '')
}

/** `waits for i-0abc (g5.xlarge, us-east-1a, spot), which has been starting for 38 s` */
function startingText(row: StartingRow): string {
  const place = `${row.type}, ${row.zone}, ${row.market}`
  const age = spanText(row.age_seconds)
  if (row.id === null) return `waits for EC2, which was asked for an instance (${place}) ${age} ago`
  return row.state === 'STARTING' ? `waits for ${row.id} (${place}), which has been starting for ${age}` : `${row.id} (${place}) is ready: its work is placed next`
}
