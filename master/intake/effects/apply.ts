import type { AgentEvent, AgentEventKind } from '../../../protocol/wire/events.ts'
import { cleanText } from '../../store/clean.ts'
import { checkpointDeclared, checkpointFailed, checkpointUploaded } from './checkpoint.ts'
import { checkpointPart } from './checkpoint-part.ts'
import { statusTold } from './harness.ts'
import { metricsPart } from './metrics-part.ts'
import type { AllocationFacts, EffectContext } from './context.ts'
import { noticed } from './notice.ts'
import { drained, exited, gaveUp, preemptAcknowledged, rendezvous, stateReached } from './progress.ts'

/** `notice` is about the agent, every other kind about one allocation. */
type AboutAllocation = Exclude<AgentEventKind, 'notice'>
type Effect<K extends AboutAllocation> = (context: EffectContext, facts: AllocationFacts, event: Extract<AgentEvent, { kind: K }>) => Promise<void> | void

/** Each kind of event and what it does; a kind without a row here does not compile. */
const EFFECTS: { readonly [K in AboutAllocation]: Effect<K> } = {
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
  rendezvous,
  'metrics-part': metricsPart,
  'checkpoint-part': checkpointPart,
  status: statusTold,
  'early-exit': gaveUp,
}

/** What only a trial can say; from a command they have no effect. */
const OF_TRIALS: ReadonlySet<AgentEventKind> = new Set(['metrics', 'progress', 'checkpoint-declared', 'checkpoint-uploaded', 'checkpoint-failed'])

/** One event's effect. An event of a sealed or foreign allocation has none: its epoch is over (I3). */
export async function applyEvent(context: EffectContext, event: AgentEvent): Promise<void> {
  if (event.kind === 'notice') return noticed(context, event)
  const facts = context.allocations.get(event.alloc)
  if (!facts || (facts.trialId === 0 && OF_TRIALS.has(event.kind))) return
  const effect = EFFECTS[event.kind] as Effect<AboutAllocation>
  await effect(context, facts, event)
}
