import { sql } from 'kysely'
import { advanceSearch } from '../../store/searches.ts'
import type { SearchEvent } from '../../search/words.ts'
import type { Report } from '../fold-metrics.ts'
import { aboutAllocation, type AllocationFacts, type EffectContext } from './context.ts'

/**
 * Validation reports of trials whose search judges by them, in the order of experiments. A trial that is told to stop
 * is so in the transaction of the report; the lifecycle loop asks its container to save and stop.
 */
export async function tellSearches(context: EffectContext): Promise<void> {
  const judged = [...context.allocations.values()].filter((facts) => facts.searcher.time_metric !== undefined && facts.reports.some(isValidation))
  const experiments = [...new Set(judged.map((facts) => facts.experimentId))].sort((a, b) => a - b)
  for (const experiment of experiments) await tellSearch(context, experiment, judged.filter((facts) => facts.experimentId === experiment))
}

async function tellSearch(context: EffectContext, experimentId: number, judged: readonly AllocationFacts[]): Promise<void> {
  const actions = await advanceSearch(context.tx, experimentId, judged.flatMap(eventsOf))
  const reporting = new Map(judged.map((facts) => [facts.trialNumber, facts]))
  const stops: { trial: number; reason: string }[] = []
  for (const action of actions ?? []) {
    if (action.type === 'create' || action.type === 'done') throw new Error(`the search of experiment ${experimentId} went on to ${action.type} at a report`)
    const facts = reporting.get(action.trial)
    if (facts === undefined) throw new Error(`the search of experiment ${experimentId} decided about its trial ${action.trial}, of which nothing was reported`)
    if (action.type === 'note') context.events.push({ ...aboutAllocation(context, facts), kind: 'search-note', text: `trial ${facts.trialId}: ${action.reason}` })
    else {
      const reason = `stopped by its search: ${action.reason}`
      stops.push({ trial: facts.trialId, reason })
      context.events.push({ ...aboutAllocation(context, facts), kind: 'trial-stopped', text: `trial ${facts.trialId} is ${reason}` })
    }
  }
  if (stops.length === 0) return
  await sql`UPDATE trials t SET stop = 'search', stop_reason = s.reason FROM unnest(${stops.map((stop) => stop.trial)}::int[], ${stops.map((stop) => stop.reason)}::text[]) AS s (trial, reason)
    WHERE t.id = s.trial AND t.stop IS NULL`.execute(context.tx)
  context.wakes.add('lifecycle')
}

function eventsOf(facts: AllocationFacts): SearchEvent[] {
  const { metric, time_metric: time = '' } = facts.searcher
  return facts.reports.filter(isValidation).map(({ values }) => ({ type: 'validated', trial: facts.trialNumber, metric: numberOf(values, metric), time: numberOf(values, time) }))
}

function isValidation(report: Report): boolean {
  return report.group === 'validation'
}

/** Null: none, or not a number. Infinities are no JSON: as far out as a number can be. */
function numberOf(values: Record<string, unknown>, name: string): number | null {
  const value = Object.hasOwn(values, name) ? values[name] : null
  if (value === 'Infinity') return Number.MAX_VALUE
  if (value === '-Infinity') return -Number.MAX_VALUE
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
