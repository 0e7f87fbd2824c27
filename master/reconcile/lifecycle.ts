import { holdsSlots, WANTS, type Want } from '../../protocol/words/states.ts'
import { nextStep, isStopping, stoppedState } from './next-step.ts'
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
    if (facts.experimentState === 'ACTIVE' && facts.stop === null) return null
    return { kind: 'seal', trialId, allocation: live.id, abandon: false, reason: facts.experimentState === 'ACTIVE' && facts.stop !== null ? facts.stop.reason : facts.experimentReason, next: nextStep(facts, null) }
  }
  if (live.state === 'DRAINING') return drained(facts, live, now)
  return holdsSlots(live.state) ? wish(facts, live, now) : null
}

function withoutAllocation(facts: TrialFacts): LifecycleDecision | null {
  if (facts.stop !== null && !isStopping(facts.experimentState)) return { kind: 'end', trialId: facts.trialId, state: stoppedState(facts.stop), reason: facts.stop.reason }
  if (facts.experimentState === 'ACTIVE') return { kind: 'allocate', trialId: facts.trialId, reason: 'the experiment is active and its trial has no allocation' }
  if (isStopping(facts.experimentState)) return { kind: 'end', trialId: facts.trialId, state: 'CANCELED', reason: facts.experimentReason }
  return null
}

function drained(facts: TrialFacts, live: LiveFacts, now: number): LifecycleDecision | null {
  const late = live.endedAt !== null && now - live.endedAt >= DRAINING_MS_MAX
  const awaited = !live.drained || live.openCheckpoints > 0 || (live.lost && !live.adopted)
  if (!late && awaited) return null
  const abandon = (late && awaited) || live.lostCheckpoints > 0
  return { kind: 'seal', trialId: facts.trialId, allocation: live.id, abandon, reason: sealReason(live, late && awaited), next: nextStep(facts, outcome(live)) }
}

function sealReason(live: LiveFacts, late: boolean): string {
  const minutes = DRAINING_MS_MAX / 60_000
  if (late && live.lost && !live.adopted) return `what the lost agent left in the bucket could not be looked through within ${minutes} minutes`
  if (late) return `the agent did not finish within ${minutes} minutes after the container's end`
  return live.lost ? 'an agent was lost, and what it left in the bucket is looked through' : 'logs and checkpoints are through'
}

/** A run that had ended well, but whose host took declared checkpoints with it, goes again: its result is not there. */
function outcome(live: LiveFacts): LiveFacts {
  if (live.exitKind !== 'completed' || live.lostCheckpoints === 0) return live
  const lost = live.lostCheckpoints === 1 ? 'a declared checkpoint' : `${live.lostCheckpoints} declared checkpoints`
  return { ...live, exitKind: 'lost', exitText: `it had ended well, but its agent was lost before ${lost} arrived` }
}

function wish(facts: TrialFacts, live: LiveFacts, now: number): LifecycleDecision | null {
  const asked = wanted(facts, live, now)
  if (WANTS.indexOf(asked.want) <= WANTS.indexOf(live.want)) return null
  return { kind: 'want', trialId: facts.trialId, allocation: live.id, from: live.want, to: asked.want, reason: asked.reason }
}

function wanted(facts: TrialFacts, live: LiveFacts, now: number): { want: Want; reason: string } {
  if (facts.experimentState === 'STOPPING_KILLED') return { want: 'kill', reason: facts.experimentReason }
  if (facts.stop?.by === 'kill') return { want: 'kill', reason: facts.stop.reason }
  if (live.disabledAgent !== null) return { want: 'kill', reason: `agent ${live.disabledAgent} was disabled` }
  const broken = brokenGang(live)
  if (broken !== null) return broken
  if (live.want === 'preempt' && live.wantAt !== null && now - live.wantAt >= facts.preemptMs) {
    return { want: 'stop', reason: `it did not save and stop within ${facts.preemptMs / 1000} s` }
  }
  if (facts.experimentState !== 'ACTIVE') return { want: 'preempt', reason: facts.experimentReason }
  if (facts.stop !== null) return { want: 'preempt', reason: facts.stop.reason }
  if (live.noticedAgent !== null) return { want: 'preempt', reason: `EC2 will take the instance of agent ${live.noticedAgent}: save and stop, it goes again free of charge` }
  return { want: 'run', reason: '' }
}

/**
 * A gang ends together: once a member has failed or is lost, the others cannot go on. One that was asked to save and
 * did leaves the others their time; one that wants to be requeued unasked leaves them that of SIGTERM.
 */
function brokenGang(live: LiveFacts): { want: Want; reason: string } | null {
  if (live.exitKind === null || live.exitKind === 'completed') return null
  const saved = live.exitKind === 'preempted'
  if (saved && live.want !== 'run') return null
  return { want: saved ? 'stop' : 'kill', reason: `a gang ends together: ${live.exitText || live.exitKind}` }
}
