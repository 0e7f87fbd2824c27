import { sql } from 'kysely'
import { raiseGenerations } from '../../store/allocations.ts'
import { cleanText, toJsonb } from '../../store/clean.ts'
import { addEvents } from '../../store/events.ts'
import { appendLines } from '../../store/log-chunks.ts'
import type { Tx } from '../../store/leader.ts'
import type { MetricsSnapshot } from '../../store/schema.ts'
import { foldReports, searcherValue, type TrialSummary } from '../fold-metrics.ts'
import { tellSearches } from './tell-searches.ts'
import type { AllocationFacts, EffectContext } from './context.ts'

/** Writes what the events gathered, once per allocation, in the lock order tasks, trials, experiments, agents, events. */
export async function flushEffects(context: EffectContext): Promise<void> {
  for (const facts of context.allocations.values()) {
    await appendLines(context.tx, { taskId: facts.taskId, allocationId: facts.id, rank: facts.rank, agentId: context.agent, containerId: '', source: 'agent' }, facts.notes)
  }
  await writeReports(context.tx, [...context.allocations.values()].filter((facts) => facts.reports.length > 0))
  for (const facts of context.allocations.values()) {
    if (facts.status !== null) await context.tx.updateTable('trials').set({ runner_state: facts.status }).where('id', '=', facts.trialId).execute()
    if (facts.progress !== null) await writeProgress(context, facts, facts.progress)
  }
  await tellSearches(context)
  await raiseGenerations(context.tx, [...context.raise])
  await addEvents(context.tx, context.events)
}

interface Before {
  id: number
  steps_completed: number
  latest_training: MetricsSnapshot | null
  latest_validation: MetricsSnapshot | null
  best_validation: MetricsSnapshot | null
}

/**
 * One statement each for the locks, the reports and the summaries, however many trials report. The trials' rows are
 * locked before the reports get their ids, so that ids of one trial grow in order of commit.
 */
async function writeReports(tx: Tx, reporting: readonly AllocationFacts[]): Promise<void> {
  if (reporting.length === 0) return
  const { rows: trials } = await sql<Before>`SELECT id, steps_completed, latest_training, latest_validation, best_validation FROM trials
    WHERE id = ANY(${reporting.map((facts) => facts.trialId)}::int[]) ORDER BY id FOR UPDATE`.execute(tx)
  const reports = reporting.flatMap((facts) => facts.reports.map((report) => ({ ...report, trial: facts.trialId, epoch: facts.epoch })))
  await sql`INSERT INTO metrics (trial_id, epoch, "group", steps, values, reported_at, batches)
    SELECT r.trial, r.epoch, r.g, r.s, r.v::jsonb, r.t, r.b::jsonb FROM unnest(
      ${reports.map((r) => r.trial)}::int[], ${reports.map((r) => r.epoch)}::int[],
      ${reports.map((r) => cleanText(r.group))}::text[], ${reports.map((r) => r.steps)}::int[], ${reports.map((r) => toJsonb(r.values))}::text[], ${reports.map((r) => new Date(r.t).toISOString())}::timestamptz[],
      ${reports.map((r) => (r.batches === undefined ? null : toJsonb(r.batches)))}::text[]
    ) WITH ORDINALITY AS r (trial, epoch, g, s, v, t, b, n) ORDER BY r.n`.execute(tx)
  const before = new Map(trials.map((trial) => [trial.id, trial]))
  const after = reporting.map((facts) => summaryOf(before.get(facts.trialId), facts))
  await sql`UPDATE trials t SET steps_completed = r.steps, latest_training = r.training, latest_validation = r.validation, best_validation = r.best, searcher_metric = r.metric
    FROM jsonb_to_recordset(${toJsonb(after)}::jsonb) AS r (id int, steps int, training jsonb, validation jsonb, best jsonb, metric float8) WHERE t.id = r.id`.execute(tx)
}

function summaryOf(trial: Before | undefined, facts: AllocationFacts): Record<string, unknown> {
  if (trial === undefined) throw new Error(`trial ${facts.trialId} of allocation ${facts.id} does not exist`)
  const before: TrialSummary = { stepsCompleted: trial.steps_completed, latestTraining: trial.latest_training, latestValidation: trial.latest_validation, bestValidation: trial.best_validation }
  const after = foldReports(before, facts.reports, facts.searcher)
  return {
    id: facts.trialId, steps: after.stepsCompleted, training: after.latestTraining, validation: after.latestValidation, best: after.bestValidation,
    metric: after.bestValidation && searcherValue(after.bestValidation, facts.searcher),
  }
}

async function writeProgress(context: EffectContext, facts: AllocationFacts, progress: number): Promise<void> {
  await context.tx.updateTable('trials').set({ progress }).where('id', '=', facts.trialId).where('state', '=', 'ACTIVE').execute()
  // that of a search is made of all its trials, by whoever asks
  if ((facts.searcher.name ?? 'single') !== 'single') return
  await context.tx.updateTable('experiments').set({ progress }).where('id', '=', facts.experimentId).execute()
}
