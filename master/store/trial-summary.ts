import { sql } from 'kysely'
import { toJsonb } from './clean.ts'
import type { Tx } from './leader.ts'
import type { MetricsSnapshot } from './schema.ts'

export interface SearcherMetric {
  metric: string
  smaller_is_better: boolean
  /** of the configuration's searcher; not every test names it */
  name?: string
  /** only where the search judges by reports (halving) */
  time_metric?: string
}

/** Makes a trial's summary anew from the reports that still count. */
export async function refreshTrialSummary(tx: Tx, trialId: number, searcher: SearcherMetric, steps: number): Promise<void> {
  const training = await latest(tx, trialId, 'training')
  const validation = await latest(tx, trialId, 'validation')
  const best = await bestValidation(tx, trialId, searcher)
  const value = best?.values[searcher.metric]
  await tx.updateTable('trials').set({
    steps_completed: steps,
    latest_training: training && toJsonb(training),
    latest_validation: validation && toJsonb(validation),
    best_validation: best && toJsonb(best),
    searcher_metric: typeof value === 'number' ? value : null,
  }).where('id', '=', trialId).execute()
}

async function latest(tx: Tx, trialId: number, group: string): Promise<MetricsSnapshot | null> {
  const row = await tx.selectFrom('metrics').select(['steps', 'values', 'reported_at'])
    .where('trial_id', '=', trialId).where('group', '=', group).where('replaced', '=', false)
    .orderBy('steps', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return row ? { steps: row.steps, time: row.reported_at.toISOString(), values: row.values } : null
}

async function bestValidation(tx: Tx, trialId: number, searcher: SearcherMetric): Promise<MetricsSnapshot | null> {
  const direction = searcher.smaller_is_better ? sql`ASC` : sql`DESC`
  const { rows } = await sql<{ steps: number; values: Record<string, unknown>; reported_at: Date }>`
    SELECT steps, values, reported_at FROM metrics
    WHERE trial_id = ${trialId} AND "group" = 'validation' AND NOT replaced AND jsonb_typeof(values->${searcher.metric}) = 'number'
    ORDER BY (values->>${searcher.metric})::float8 ${direction}, id LIMIT 1`.execute(tx)
  const row = rows[0]
  return row ? { steps: row.steps, time: row.reported_at.toISOString(), values: row.values } : null
}
