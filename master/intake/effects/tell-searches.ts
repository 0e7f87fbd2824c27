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
  for (const action of actions ?? []) {
    if (action.type === 'create' || action.type === 'done') throw new Error(`the search of experiment ${experimentId} went on to ${action.type} at a report`)
    const facts = judged.find((one) => one.trialNumber === action.trial)
    if (facts === undefined) throw new Error(`the search of experiment ${experimentId} decided about its trial ${action.trial}, of which nothing was reported`)
    if (action.type === 'note') context.events.push({ ...aboutAllocation(context, facts), kind: 'search-note', text: `trial ${facts.trialId}: ${action.reason}` })
    else await stopTrial(context, facts, action.reason)
  }
}

async function stopTrial(context: EffectContext, facts: AllocationFacts, reason: string): Promise<void> {
  const text = `stopped by its search: ${reason}`
  await context.tx.updateTable('trials').set({ stop: 'search', stop_reason: text }).where('id', '=', facts.trialId).where('stop', 'is', null).execute()
  context.events.push({ ...aboutAllocation(context, facts), kind: 'trial-stopped', text: `trial ${facts.trialId} is ${text}` })
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
