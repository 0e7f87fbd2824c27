import { verdictOf, type ExitKind } from '../../protocol/words/failures.ts'
import type { ExperimentState, TrialState, Want } from '../../protocol/words/states.ts'
import type { LiveFacts, NextStep, TrialFacts } from './world.ts'

/** So many attempts may end free of charge in a row without a new checkpoint; then going again cannot help (I12). */
export const FREE_RUNS_MAX = 16

/** What follows the seal of an allocation; `live` null = it never ran. Ends a trial exactly once (I6). */
export function nextStep(facts: TrialFacts, live: LiveFacts | null): NextStep {
  const exit = live?.exitKind ?? null
  const text = live?.exitText || (exit ?? 'it never ran')
  const verdict = live === null ? 'requeue' : verdictOf(exit ?? 'agent-error')
  const restarts = facts.restarts + (verdict === 'restart' ? 1 : 0)
  if (live !== null && facts.earlyExit !== null) return { kind: 'end', restarts: facts.restarts, state: 'ERROR', reason: `its script refused its hyperparameters (${facts.earlyExit})` }
  if (verdict === 'done') return { kind: 'end', restarts, state: 'COMPLETED', reason: '' }
  if (isStopping(facts.experimentState)) return { kind: 'end', restarts: facts.restarts, state: 'CANCELED', reason: facts.experimentReason }
  if (facts.stop !== null) return { kind: 'end', restarts: facts.restarts, state: stoppedState(facts.stop), reason: facts.stop.reason }
  if (verdict === 'fail') return { kind: 'end', restarts, state: 'ERROR', reason: text }
  if (verdict === 'restart' && restarts > facts.maxRestarts) {
    return { kind: 'end', restarts: facts.restarts, state: 'ERROR', reason: `${text} (max_restarts ${facts.maxRestarts} reached)` }
  }
  if (live !== null && isFreeRun(live.want, exit) && facts.freeRuns + 1 >= FREE_RUNS_MAX) {
    return { kind: 'end', restarts, state: 'ERROR', reason: `${text} (${FREE_RUNS_MAX} attempts in a row ended without a new checkpoint)` }
  }
  if (facts.experimentState === 'PAUSED') return { kind: 'rest', restarts, reason: facts.experimentReason }
  return { kind: 'allocate', restarts, reason: verdict === 'restart' ? `${text}; restart ${restarts} of ${facts.maxRestarts}` : `${text}; goes again free of charge` }
}

/** A trial that its search stopped has done all it was asked for. */
export function stoppedState(stop: { by: 'search' | 'kill' }): 'COMPLETED' | 'CANCELED' {
  return stop.by === 'search' ? 'COMPLETED' : 'CANCELED'
}

/** Ended free of charge and unasked; of a gang the others were asked then, which makes it no asked end. */
export function isFreeRun(want: Want, exit: ExitKind | null): boolean {
  const kind = exit ?? 'agent-error'
  if (verdictOf(kind) !== 'requeue') return false
  return want === 'run' || (kind === 'preempted' ? want === 'stop' : kind !== 'stopped')
}

export function isStopping(state: ExperimentState): boolean {
  return state.startsWith('STOPPING_')
}

/**
 * The end of an experiment whose trials have all ended; null while one goes on or it has ended already. Of a search that
 * is over (`search`) one trial that ended well is enough.
 */
export function experimentEnd(state: ExperimentState, trials: readonly TrialState[], search: { failed: boolean } | null = null): 'COMPLETED' | 'CANCELED' | 'ERROR' | null {
  const going = state === 'ACTIVE' || state === 'PAUSED' || isStopping(state)
  if (!going || !trials.every((trial) => trial === 'COMPLETED' || trial === 'CANCELED' || trial === 'ERROR')) return null
  if (state === 'STOPPING_CANCELED' || state === 'STOPPING_KILLED') return 'CANCELED'
  if (search !== null && !search.failed && state !== 'STOPPING_ERROR') return 'COMPLETED'
  if (state === 'STOPPING_ERROR' || trials.includes('ERROR')) return 'ERROR'
  return trials.includes('CANCELED') ? 'CANCELED' : 'COMPLETED'
}
