import { sql } from 'kysely'
import { raiseGenerations } from '../../store/allocations.ts'
import { cleanText, toJsonb } from '../../store/clean.ts'
import { addEvents } from '../../store/events.ts'
import { appendLines } from '../../store/log-chunks.ts'
import type { MetricsSnapshot } from '../../store/schema.ts'
import { foldReports, searcherValue, type TrialSummary } from '../fold-metrics.ts'
import type { AllocationFacts, EffectContext } from './context.ts'

/** Writes what the events gathered, once per allocation, in the lock order tasks, trials, experiments, agents, events. */
export async function flushEffects(context: EffectContext): Promise<void> {
  for (const facts of context.allocations.values()) {
    await appendLines(context.tx, { taskId: facts.taskId, allocationId: facts.id, rank: facts.rank, agentId: context.agent, containerId: '', source: 'agent' }, facts.notes)
  }
  for (const facts of context.allocations.values()) {
    if (facts.reports.length > 0) await writeReports(context, facts)
  }
  for (const facts of context.allocations.values()) {
    if (facts.status !== null) await context.tx.updateTable('trials').set({ runner_state: facts.status }).where('id', '=', facts.trialId).execute()
    if (facts.progress !== null) await writeProgress(context, facts, facts.progress)
  }
  await raiseGenerations(context.tx, [...context.raise])
  await addEvents(context.tx, context.events)
}

/** The trial's row is locked before the reports get their ids, so that ids of one trial grow in order of commit. */
async function writeReports(context: EffectContext, facts: AllocationFacts): Promise<void> {
  const { tx } = context
  const trial = await tx.selectFrom('trials').select(['steps_completed', 'latest_training', 'latest_validation', 'best_validation']).where('id', '=', facts.trialId).forUpdate().executeTakeFirstOrThrow()
  const reports = facts.reports
  await sql`INSERT INTO metrics (trial_id, epoch, "group", steps, values, reported_at, batches)
    SELECT ${facts.trialId}, ${facts.epoch}, r.g, r.s, r.v::jsonb, r.t, r.b::jsonb FROM unnest(
      ${reports.map((r) => cleanText(r.group))}::text[], ${reports.map((r) => r.steps)}::int[], ${reports.map((r) => toJsonb(r.values))}::text[], ${reports.map((r) => new Date(r.t).toISOString())}::timestamptz[],
      ${reports.map((r) => (r.batches === undefined ? null : toJsonb(r.batches)))}::text[]
    ) WITH ORDINALITY AS r (g, s, v, t, b, n) ORDER BY r.n`.execute(tx)
  const before: TrialSummary = { stepsCompleted: trial.steps_completed, latestTraining: trial.latest_training, latestValidation: trial.latest_validation, bestValidation: trial.best_validation }
  const after = foldReports(before, reports, facts.searcher)
  await tx.updateTable('trials').set({
    steps_completed: after.stepsCompleted,
    latest_training: jsonOrNull(after.latestTraining),
    latest_validation: jsonOrNull(after.latestValidation),
    best_validation: jsonOrNull(after.bestValidation),
    searcher_metric: after.bestValidation && searcherValue(after.bestValidation, facts.searcher),
  }).where('id', '=', facts.trialId).execute()
}

function jsonOrNull(snapshot: MetricsSnapshot | null): string | null {
  return snapshot && toJsonb(snapshot)
}

async function writeProgress(context: EffectContext, facts: AllocationFacts, progress: number): Promise<void> {
  await context.tx.updateTable('trials').set({ progress }).where('id', '=', facts.trialId).where('state', '=', 'ACTIVE').execute()
  await context.tx.updateTable('experiments').set({ progress }).where('id', '=', facts.experimentId).execute()
}
