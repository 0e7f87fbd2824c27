import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { canMoveExperiment } from '../../protocol/words/states.ts'
import { decideTrial } from '../reconcile/lifecycle.ts'
import { experimentEnd, isStopping } from '../reconcile/next-step.ts'
import type { LifecycleDecision, NextStep, TrialEnd, TrialFacts } from '../reconcile/world.ts'
import { createAllocation, sealAllocation, setWant } from '../store/allocations.ts'
import { addEvents, type NewEvent } from '../store/events.ts'
import { makeTrials } from '../store/make-trials.ts'
import { advanceSearch } from '../store/searches.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { LoopDeps } from './deps.ts'
import { loadLifecycle } from './lifecycle-load.ts'

/** Agents to poke after the commit; null = the world moved on and nothing was done. */
export type Applied = { agents: readonly string[] } | null

/**
 * Carries out one decision in one transaction: locks the trial's rows (allocation, task, trial, experiment, always in
 * this order), decides again with what is there now, and goes on only with the same answer.
 */
export function applyLifecycle(deps: LoopDeps, epoch: number, seen: TrialFacts, now: number, decision: LifecycleDecision): Promise<Applied> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await lockTrial(tx, seen)
    const facts = (await loadLifecycle(tx, seen.trialId)).trials[0]
    if (!facts || !isDeepStrictEqual(decideTrial(facts, now), decision)) return null
    const events: NewEvent[] = []
    const agents = await carryOut(tx, facts, decision, events)
    await addEvents(tx, events)
    return { agents }
  })
}

async function lockTrial(tx: Tx, seen: TrialFacts): Promise<void> {
  await sql`SELECT 1 FROM allocations WHERE task_id = ${seen.taskId} AND state <> 'SEALED' FOR UPDATE`.execute(tx)
  await sql`SELECT 1 FROM tasks WHERE id = ${seen.taskId} FOR UPDATE`.execute(tx)
  await sql`SELECT 1 FROM trials WHERE id = ${seen.trialId} FOR UPDATE`.execute(tx)
  await sql`SELECT 1 FROM experiments WHERE id = ${seen.experimentId} FOR UPDATE`.execute(tx)
}

async function carryOut(tx: Tx, facts: TrialFacts, decision: LifecycleDecision, events: NewEvent[]): Promise<readonly string[]> {
  switch (decision.kind) {
    case 'allocate':
      await allocate(tx, facts, decision.reason, events)
      return []
    case 'end':
      await endTrial(tx, facts, decision.state, decision.reason, events)
      return []
    case 'want': {
      const { agents } = await setWant(tx, decision.allocation, decision.from, decision.to, decision.reason)
      events.push({ ...about(facts), kind: 'allocation-want', allocationId: decision.allocation, text: `allocation ${decision.allocation}: ${decision.to}, because: ${decision.reason}`, data: { want: decision.to } })
      return agents
    }
    case 'seal':
      return seal(tx, facts, decision, events)
  }
}

async function seal(tx: Tx, facts: TrialFacts, decision: Extract<LifecycleDecision, { kind: 'seal' }>, events: NewEvent[]): Promise<readonly string[]> {
  const { agents } = await sealAllocation(tx, decision.allocation)
  events.push({ ...about(facts), kind: 'allocation-sealed', allocationId: decision.allocation, text: `allocation ${decision.allocation} was sealed: ${decision.reason}`, data: { exit: facts.live?.exitKind ?? null } })
  await next(tx, facts, decision.next, events)
  if (decision.abandon) {
    await tx.updateTable('checkpoints').set({ state: 'ERROR', error: `not committed: ${decision.reason}` })
      .where('allocation_id', '=', decision.allocation).where('state', '=', 'ACTIVE').execute()
  }
  return agents
}

async function next(tx: Tx, facts: TrialFacts, step: NextStep, events: NewEvent[]): Promise<void> {
  if (step.restarts !== facts.restarts) await tx.updateTable('trials').set({ restarts: step.restarts }).where('id', '=', facts.trialId).execute()
  if (step.kind === 'allocate') return allocate(tx, facts, step.reason, events)
  if (step.kind === 'end') return endTrial(tx, facts, step.state, step.reason, events)
}

async function allocate(tx: Tx, facts: TrialFacts, reason: string, events: NewEvent[]): Promise<void> {
  const experiment = await tx.selectFrom('experiments').select(['resource_pool', 'slots_per_trial']).where('id', '=', facts.experimentId).executeTakeFirstOrThrow()
  const { id } = await createAllocation(tx, { taskId: facts.taskId, pool: experiment.resource_pool, slots: experiment.slots_per_trial })
  events.push({ ...about(facts), kind: 'allocation-created', allocationId: id, text: `allocation ${id} waits for the scheduler: ${reason}` })
}

/** I6: only an ACTIVE trial ends. The experiment follows in the same transaction when it was the last. */
async function endTrial(tx: Tx, facts: TrialFacts, state: TrialEnd, reason: string, events: NewEvent[]): Promise<void> {
  const done = state === 'COMPLETED' ? { progress: 1 } : {}
  const result = await tx.updateTable('trials').set({ state, state_reason: reason, ended_at: sql<Date>`now()`, ...done })
    .where('id', '=', facts.trialId).where('state', '=', 'ACTIVE').executeTakeFirst()
  if (result.numUpdatedRows === 0n) throw new Error(`trial ${facts.trialId} has ended already`)
  await tx.updateTable('tasks').set({ ended_at: sql<Date>`now()` }).where('id', '=', facts.taskId).execute()
  events.push({ ...about(facts), kind: 'trial-state', text: `trial ${facts.trialId} is ${state}${reason ? `: ${reason}` : ''}`, data: { to: state } })
  const searched = isStopping(facts.experimentState) ? null : await goOnSearching(tx, facts, state, events)
  if (searched !== 'goes on') await endExperiment(tx, facts, reason, searched, events)
}

/** The search hears of the end, makes further trials or is over. Null where there is no search. */
async function goOnSearching(tx: Tx, facts: TrialFacts, state: TrialEnd, events: NewEvent[]): Promise<'goes on' | { failed: boolean; reason: string } | null> {
  const { number } = await tx.selectFrom('trials').select('number').where('id', '=', facts.trialId).executeTakeFirstOrThrow()
  const end = state === 'COMPLETED' ? 'completed' : state === 'CANCELED' ? 'canceled' : facts.earlyExit === null ? 'errored' : 'invalid-hp'
  const actions = await advanceSearch(tx, facts.experimentId, [{ type: 'ended', trial: number, end }])
  if (actions === null) return null
  for (const action of actions) if (action.type === 'note') events.push({ ...about(facts), kind: 'search-note', text: `trial ${facts.trialId}: ${action.reason}` })
  events.push(...await makeTrials(tx, facts.experimentId, actions.filter((action) => action.type === 'create')))
  return actions.find((action) => action.type === 'done') ?? 'goes on'
}

async function endExperiment(tx: Tx, facts: TrialFacts, ofTrial: string, searched: { failed: boolean; reason: string } | null, events: NewEvent[]): Promise<void> {
  const reason = searched?.reason ?? ofTrial
  const trials = await tx.selectFrom('trials').select('state').distinct().where('experiment_id', '=', facts.experimentId).execute()
  const end = experimentEnd(facts.experimentState, trials.map((trial) => trial.state), searched)
  if (end === null) return
  // an end is reached by way of its STOPPING state, in the same moment
  const via = end === 'COMPLETED' ? 'STOPPING_COMPLETED' : end === 'ERROR' ? 'STOPPING_ERROR' : 'STOPPING_CANCELED'
  const allowed = canMoveExperiment(facts.experimentState, end) || (canMoveExperiment(facts.experimentState, via) && canMoveExperiment(via, end))
  if (!allowed) throw new Error(`experiment ${facts.experimentId} cannot go from ${facts.experimentState} to ${end}`)
  const done = end === 'COMPLETED' ? { progress: 1, state_reason: '' } : { state_reason: reason || facts.experimentReason }
  await tx.updateTable('experiments').set({ state: end, ended_at: sql<Date>`now()`, ...done }).where('id', '=', facts.experimentId).execute()
  events.push({ kind: 'experiment-state', experimentId: facts.experimentId, text: `experiment ${facts.experimentId} is ${end}${reason ? `: ${reason}` : ''}`, data: { from: facts.experimentState, to: end } })
}

function about(facts: TrialFacts): { experimentId: number; trialId: number } {
  return { experimentId: facts.experimentId, trialId: facts.trialId }
}
