import type { AgentEvent } from '../../../protocol/wire/events.ts'
import { cleanText } from '../../store/clean.ts'
import type { AllocationFacts, EffectContext } from './context.ts'

/** Determined's runner state: a word for people. */
export function statusTold(_context: EffectContext, facts: AllocationFacts, event: Extract<AgentEvent, { kind: 'status' }>): void {
  facts.status = cleanText(event.state)
}
