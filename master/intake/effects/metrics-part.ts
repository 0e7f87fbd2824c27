import { sql } from 'kysely'
import Type from 'typebox'
import { MetricsEvent, type AgentEvent } from '../../../protocol/wire/events.ts'
import { checker } from '../validate.ts'
import type { AllocationFacts, EffectContext } from './context.ts'

const checkReports = checker(Type.Index(MetricsEvent, Type.Literal('reports')))

/** A report too large for one entry: its parts come in order, each kept with the cursor in one commit; the last makes it whole. */
export async function metricsPart(context: EffectContext, facts: AllocationFacts, event: Extract<AgentEvent, { kind: 'metrics-part' }>): Promise<void> {
  const { tx } = context
  await tx.insertInto('metrics_parts').values({ allocation_id: facts.id, report: event.report, part: event.part, text: event.text })
    .onConflict((conflict) => conflict.columns(['allocation_id', 'report', 'part']).doNothing()).execute()
  if (event.part !== event.of - 1) return
  const { rows } = await sql<{ text: string; count: number }>`SELECT string_agg(text, '' ORDER BY part) AS text, count(*)::int AS count FROM metrics_parts WHERE allocation_id = ${facts.id} AND report = ${event.report}`.execute(tx)
  await tx.deleteFrom('metrics_parts').where('allocation_id', '=', facts.id).where('report', '=', event.report).execute()
  const [whole] = rows
  if (whole?.count !== event.of) throw new Error(`report ${event.report} of ${facts.id} has ${whole?.count ?? 0} of ${event.of} parts`)
  const checked = checkReports([JSON.parse(whole.text)])
  if (!checked.ok) throw new Error(`report ${event.report} of ${facts.id} is no report: ${checked.error}`)
  facts.reports.push(...checked.value)
}
