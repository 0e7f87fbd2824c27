import type { ExitKind } from '../../protocol/words/failures.ts'
import type { AllocationState, ExperimentState, TrialState, Want } from '../../protocol/words/states.ts'

/** One trial with all that its next step hangs on. Times in milliseconds of the database's clock. */
export interface TrialFacts {
  trialId: number
  taskId: string
  experimentId: number
  experimentState: ExperimentState
  /** `paused by bob` */
  experimentReason: string
  trialState: TrialState
  restarts: number
  maxRestarts: number
  /** time a preempted container has to save */
  preemptMs: number
  /** attempts in a row that ended free of charge, unasked and without a new committed checkpoint */
  freeRuns: number
  /** it is told to end: by its search, ended well then, or by a person */
  stop: { by: 'search' | 'kill'; reason: string } | null
  /** why its script gave it up for good: INVALID_HP */
  earlyExit: string | null
  /** its allocation that is not SEALED, if any (I2) */
  live: LiveFacts | null
}

export interface LiveFacts {
  id: string
  state: AllocationState
  want: Want
  wantAt: number | null
  /** an agent of it, or a slot that it holds there, that a person disabled without letting it drain */
  disabledAgent: string | null
  /** an agent of it, still at work, whose instance EC2 is about to take */
  noticedAgent: string | null
  /** all members say that logs and checkpoints are through, or are lost */
  drained: boolean
  /** a member's agent was lost: nothing more is awaited of it */
  lost: boolean
  /** the bucket was looked through for what a lost member uploaded and never reported */
  adopted: boolean
  /** declared, neither committed nor failed, and still awaited */
  openCheckpoints: number
  /** declared and not uploaded, while somebody was lost who may have meant to */
  lostCheckpoints: number
  /** of a gang: of the first member that failed, while others may still be at work */
  exitKind: ExitKind | null
  exitText: string
  endedAt: number | null
}

export type LifecycleDecision =
  | { kind: 'allocate'; trialId: number; reason: string }
  | { kind: 'want'; trialId: number; allocation: string; from: Want; to: Want; reason: string }
  /** `abandon`: checkpoints still open become ERROR */
  | { kind: 'seal'; trialId: number; allocation: string; abandon: boolean; reason: string; next: NextStep }
  | { kind: 'end'; trialId: number; state: TrialEnd; reason: string }

export type NextStep =
  | { kind: 'allocate'; restarts: number; reason: string }
  | { kind: 'rest'; restarts: number; reason: string }
  | { kind: 'end'; restarts: number; state: TrialEnd; reason: string }

export type TrialEnd = Extract<TrialState, 'COMPLETED' | 'CANCELED' | 'ERROR'>
