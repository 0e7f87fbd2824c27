/** Why an allocation ended. One table decides whether the user is charged a restart. */

export const EXIT_KINDS = [
  'completed', // exit 0 and no preemption asked
  'preempted', // exit 75, or exit 0 after a preemption was asked
  'user-error', // any other exit code
  'oom', // main process killed for memory
  'stopped', // killed because the master asked
  'vanished', // container gone without a trace of its exit
  'image', // image absent and not to be had
  'restore', // no checkpoint could be restored
  'create', // Docker refused the container
  'agent-error', // a fault of the agent or its host
  'lost', // host lost
] as const
export type ExitKind = (typeof EXIT_KINDS)[number]

/** Exit code by which a training script says "I saved, requeue me". sysexits.h EX_TEMPFAIL. */
export const EXIT_PREEMPTED = 75

/**
 * done: the trial has ended well. requeue: goes again, free of charge. restart: goes again and
 * counts toward max_restarts. fail: going again cannot help, the trial ends in ERROR.
 */
export type Verdict = 'done' | 'requeue' | 'restart' | 'fail'

const VERDICTS: Readonly<Record<ExitKind, Verdict>> = {
  completed: 'done',
  preempted: 'requeue',
  'user-error': 'restart',
  oom: 'restart',
  stopped: 'requeue',
  vanished: 'requeue',
  image: 'fail',
  restore: 'fail',
  create: 'fail',
  'agent-error': 'requeue',
  lost: 'requeue',
}

export function verdictOf(kind: ExitKind): Verdict {
  return VERDICTS[kind]
}

/** Names the exit from the facts Docker gives. A killed child sets the OOM flag too: the code decides. */
export function exitKindOf(facts: { code: number; oomKilled: boolean; preemptAsked: boolean; stopAsked: boolean }): ExitKind {
  if (facts.stopAsked) return facts.code === 0 ? 'completed' : 'stopped'
  if (facts.code === EXIT_PREEMPTED) return 'preempted'
  if (facts.code === 0) return facts.preemptAsked ? 'preempted' : 'completed'
  if (facts.code === 137 && facts.oomKilled) return 'oom'
  return 'user-error'
}
