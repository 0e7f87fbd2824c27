import type { AgentEvent } from '../../../protocol/wire/events.ts'
import { cleanText } from '../../store/clean.ts'
import { aboutAllocation, type AllocationFacts, type EffectContext } from './context.ts'

type Of<K extends AgentEvent['kind']> = Extract<AgentEvent, { kind: K }>

/** Determined's runner state: a word for people. */
export function statusTold(_context: EffectContext, facts: AllocationFacts, event: Of<'status'>): void {
  facts.status = cleanText(event.state)
}

/** The first word of an attempt counts. What becomes of the trial the search and the lifecycle decide when the container has ended. */
export async function endsEarly(context: EffectContext, facts: AllocationFacts, event: Of<'early-exit'>): Promise<void> {
  const result = await context.tx.updateTable('allocations').set({ early_exit: event.reason }).where('id', '=', facts.id).where('early_exit', 'is', null).executeTakeFirst()
  if (result.numUpdatedRows === 0n) return
  context.events.push({ ...aboutAllocation(context, facts), kind: 'early-exit', text: `allocation ${facts.id} says that it ends early: ${event.reason}`, data: { reason: event.reason } })
  context.wakes.add('lifecycle')
}
