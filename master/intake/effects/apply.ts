import type { AgentEvent, AgentEventKind } from '../../../protocol/wire/events.ts'
import { cleanText } from '../../store/clean.ts'
import { checkpointDeclared, checkpointFailed, checkpointUploaded } from './checkpoint.ts'
import type { AllocationFacts, EffectContext } from './context.ts'
import { drained, exited, preemptAcknowledged, stateReached } from './progress.ts'

type Effect<K extends AgentEventKind> = (context: EffectContext, facts: AllocationFacts, event: Extract<AgentEvent, { kind: K }>) => Promise<void> | void

/** Each kind of event and what it does; a kind without a row here does not compile. */
const EFFECTS: { readonly [K in AgentEventKind]: Effect<K> } = {
  state: stateReached,
  note: (_context, facts, event) => void facts.notes.push([Math.floor(event.t), 'stdout', event.level, cleanText(event.text)]),
  metrics: (_context, facts, event) => void facts.reports.push(...event.reports),
  progress: (_context, facts, event) => {
    facts.progress = event.progress
  },
  'checkpoint-declared': checkpointDeclared,
  'checkpoint-uploaded': checkpointUploaded,
  'checkpoint-failed': checkpointFailed,
  exit: exited,
  drained,
  'preempt-ack': preemptAcknowledged,
}

/** One event's effect. An event of a sealed or foreign allocation has none: its epoch is over (I3). */
export async function applyEvent(context: EffectContext, event: AgentEvent): Promise<void> {
  const facts = context.allocations.get(event.alloc)
  if (!facts) return
  const effect = EFFECTS[event.kind] as Effect<AgentEventKind>
  await effect(context, facts, event)
}
