import type { AgentEvent } from '../../../protocol/wire/events.ts'
import { noteDrained, noteExit } from '../../store/allocations.ts'
import { cleanText } from '../../store/clean.ts'
import { aboutAllocation, moveMember, type AllocationFacts, type EffectContext } from './context.ts'

type Of<K extends AgentEvent['kind']> = Extract<AgentEvent, { kind: K }>

export async function stateReached(context: EffectContext, facts: AllocationFacts, event: Of<'state'>): Promise<void> {
  if (!(await moveMember(context, facts, event.state, event.containerId ?? null))) return
  context.events.push({ ...aboutAllocation(context, facts), kind: 'allocation-state', text: `allocation ${facts.id} is ${event.state} on agent ${context.agent}`, data: { state: event.state, rank: facts.rank } })
}

/** The container is gone: DRAINING, its slots are free. Of a gang the facts of the cause stay, with its rank; the epoch lives on (I2). */
export async function exited(context: EffectContext, facts: AllocationFacts, event: Of<'exit'>): Promise<void> {
  if (!(await moveMember(context, facts, 'DRAINING', null))) return
  const text = `${facts.worldSize > 1 ? `rank ${facts.rank} on agent ${context.agent}: ` : ''}${cleanText(event.text)}`
  await noteExit(context.tx, facts.id, { kind: event.exit, code: event.code ?? null, text, oomKilled: event.oomKilled, at: new Date(event.endedAt) })
  context.events.push({
    ...aboutAllocation(context, facts), kind: 'allocation-exit', text: `allocation ${facts.id} ended on agent ${context.agent} (${event.exit}): ${text}`,
    data: { exit: event.exit, code: event.code ?? null, oomKilled: event.oomKilled, rank: facts.rank },
  })
  context.wakes.add('schedule').add('lifecycle')
}

export async function drained(context: EffectContext, facts: AllocationFacts): Promise<void> {
  if (facts.memberState !== 'DRAINING') return
  await context.tx.updateTable('allocation_members').set({ drained: true }).where('allocation_id', '=', facts.id).where('rank', '=', facts.rank).execute()
  await noteDrained(context.tx, facts.id)
  context.wakes.add('lifecycle')
}

/** The last member to say where it is lets all of them start. */
export async function rendezvous(context: EffectContext, facts: AllocationFacts, event: Of<'rendezvous'>): Promise<void> {
  await context.tx.updateTable('allocation_members').set({ address: cleanText(event.address), port: event.port }).where('allocation_id', '=', facts.id).where('rank', '=', facts.rank).execute()
  const members = await context.tx.selectFrom('allocation_members').select(['agent_id', 'address']).where('allocation_id', '=', facts.id).execute()
  if (members.some((member) => member.address === null)) return
  for (const member of members) context.raise.add(member.agent_id)
}

export function preemptAcknowledged(context: EffectContext, facts: AllocationFacts): void {
  context.events.push({ ...aboutAllocation(context, facts), kind: 'preempt-acknowledged', text: `allocation ${facts.id} saw the request to save and stop` })
}

/** The script refuses its hyperparameters: once its container has ended the trial does not go again. */
export async function gaveUp(context: EffectContext, facts: AllocationFacts, event: Of<'early-exit'>): Promise<void> {
  await context.tx.updateTable('trials').set({ early_exit: event.reason }).where('id', '=', facts.trialId).where('state', '=', 'ACTIVE').execute()
  context.events.push({ ...aboutAllocation(context, facts), kind: 'trial-early-exit', text: `the script of trial ${facts.trialId} refused its hyperparameters (${event.reason})` })
}
