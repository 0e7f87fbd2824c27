import { holdsSlots, WANTS, type Want } from '../../protocol/words/states.ts'
import { nextStep, isStopping } from './next-step.ts'
import type { LifecycleDecision, LiveFacts, TrialFacts } from './world.ts'

/** Declared checkpoints may still arrive for so long after the container is gone; then the seal no longer waits. */
export const DRAINING_MS_MAX = 3_600_000

/**
 * The next step of one trial, or null at rest. Pure: the loop calls it on a snapshot and once more under locks; only
 * the same answer is carried out.
 */
export function decideTrial(facts: TrialFacts, now: number): LifecycleDecision | null {
  if (facts.trialState !== 'ACTIVE') return null
  const { live, trialId } = facts
  if (live === null) return withoutAllocation(facts)
  if (live.state === 'PENDING') {
    if (facts.experimentState === 'ACTIVE') return null
    return { kind: 'seal', trialId, allocation: live.id, abandon: false, reason: facts.experimentReason, next: nextStep(facts, null) }
  }
  if (live.state === 'DRAINING') return drained(facts, live, now)
  return holdsSlots(live.state) ? wish(facts, live, now) : null
}

function withoutAllocation(facts: TrialFacts): LifecycleDecision | null {
  if (facts.experimentState === 'ACTIVE') return { kind: 'allocate', trialId: facts.trialId, reason: 'the experiment is active and its trial has no allocation' }
  if (isStopping(facts.experimentState)) return { kind: 'end', trialId: facts.trialId, state: 'CANCELED', reason: facts.experimentReason }
  return null
}

function drained(facts: TrialFacts, live: LiveFacts, now: number): LifecycleDecision | null {
  const late = live.endedAt !== null && now - live.endedAt >= DRAINING_MS_MAX
  if (!late && (!live.drained || live.openCheckpoints > 0)) return null
  const reason = late ? `the agent did not finish within ${DRAINING_MS_MAX / 60_000} minutes after the container's end` : 'logs and checkpoints are through'
  return { kind: 'seal', trialId: facts.trialId, allocation: live.id, abandon: late, reason, next: nextStep(facts, live) }
}

function wish(facts: TrialFacts, live: LiveFacts, now: number): LifecycleDecision | null {
  const asked = wanted(facts, live, now)
  if (WANTS.indexOf(asked.want) <= WANTS.indexOf(live.want)) return null
  return { kind: 'want', trialId: facts.trialId, allocation: live.id, from: live.want, to: asked.want, reason: asked.reason }
}

function wanted(facts: TrialFacts, live: LiveFacts, now: number): { want: Want; reason: string } {
  if (facts.experimentState === 'STOPPING_KILLED') return { want: 'kill', reason: facts.experimentReason }
  if (live.disabledAgent !== null) return { want: 'kill', reason: `agent ${live.disabledAgent} was disabled` }
  if (live.want === 'preempt' && live.wantAt !== null && now - live.wantAt >= facts.preemptMs) {
    return { want: 'stop', reason: `it did not save and stop within ${facts.preemptMs / 1000} s` }
  }
  return facts.experimentState === 'ACTIVE' ? { want: 'run', reason: '' } : { want: 'preempt', reason: facts.experimentReason }
}
