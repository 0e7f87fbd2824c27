import { sql } from 'kysely'
import { checkpointPrefix } from '../../../protocol/bucket/layout.ts'
import type { AgentEvent } from '../../../protocol/wire/events.ts'
import { rootOf, storageOf } from '../../reconcile/storage-of.ts'
import { cleanText, toJsonb } from '../../store/clean.ts'
import { aboutAllocation, type AllocationFacts, type EffectContext } from './context.ts'

type Of<K extends AgentEvent['kind']> = Extract<AgentEvent, { kind: K }>

/** From here on the seal waits for it. Where its bytes lie the master derives itself, never from the agent's words. */
export async function checkpointDeclared(context: EffectContext, facts: AllocationFacts, event: Of<'checkpoint-declared' | 'checkpoint-uploaded'>): Promise<void> {
  const choice = storageOf(facts.ownStorage, context.cluster.storage)
  if (!choice.ok) throw new Error(choice.error)
  const root = rootOf(choice.storage, context.cluster.clusterId, { id: facts.experimentId, slug: facts.slug }, facts.trialId)
  const reported = event.kind === 'checkpoint-declared' ? event.reported : undefined
  const own = reported?.how === 'own'
  const gang = reported?.how === 'gang' && facts.worldSize > 1
  const result = await context.tx.insertInto('checkpoints').values({
    uuid: event.uuid, task_id: facts.taskId, trial_id: facts.trialId, experiment_id: facts.experimentId, allocation_id: facts.id, epoch: facts.epoch,
    ordinal: event.ordinal, steps: event.steps, prefix: own ? event.uuid : checkpointPrefix(root, facts.epoch, event.ordinal, event.uuid), resources: toJsonb(reported?.resources ?? {}), metadata: toJsonb(reported?.metadata ?? {}), metrics: '{}',
    ...(own ? { kind: 'own', state: 'COMPLETED', pointer_written: true, report_time: sql<Date>`now()`, bytes: Object.values(reported.resources).reduce((sum, size) => sum + size, 0) } : { state: 'ACTIVE' }),
    ...(gang ? { parts: facts.worldSize } : {}),
  }).onConflict((conflict) => conflict.column('uuid').doNothing()).executeTakeFirst()
  if (result.numInsertedOrUpdatedRows === 0n) return
  if (gang) await raiseMembers(context, facts)
  context.events.push({ ...aboutAllocation(context, facts), kind: 'checkpoint-declared', text: `checkpoint ${event.uuid} at step ${event.steps} ${own ? 'was reported: it lies in storage of the user\'s own and is not verified' : 'was declared'}`, data: { uuid: event.uuid, steps: event.steps } })
}

/** Every member is asked for its part: the desired state of their agents has changed. */
async function raiseMembers(context: EffectContext, facts: AllocationFacts): Promise<void> {
  for (const member of await context.tx.selectFrom('allocation_members').select('agent_id').where('allocation_id', '=', facts.id).execute()) context.raise.add(member.agent_id)
}

/** The agent says that all bytes and the manifest are there; the checkpoints loop looks for itself. */
export async function checkpointUploaded(context: EffectContext, facts: AllocationFacts, event: Of<'checkpoint-uploaded'>): Promise<void> {
  await checkpointDeclared(context, facts, event)
  await context.tx.updateTable('checkpoints').set({ uploaded_at: sql<Date>`now()`, manifest_digest: event.manifest, bytes: event.bytes, metadata: toJsonb(event.metadata) })
    .where('uuid', '=', event.uuid).where('allocation_id', '=', facts.id).where('state', '=', 'ACTIVE').where('uploaded_at', 'is', null).execute()
  context.wakes.add('checkpoints')
}

export async function checkpointFailed(context: EffectContext, facts: AllocationFacts, event: Of<'checkpoint-failed'>): Promise<void> {
  const error = cleanText(event.error)
  const result = await context.tx.updateTable('checkpoints').set({ state: 'ERROR', error })
    .where('uuid', '=', event.uuid).where('allocation_id', '=', facts.id).where('state', '=', 'ACTIVE').executeTakeFirst()
  if (result.numUpdatedRows === 0n) return
  context.events.push({ ...aboutAllocation(context, facts), kind: 'checkpoint-error', text: `checkpoint ${event.uuid} failed: ${error}`, data: { uuid: event.uuid } })
  context.wakes.add('lifecycle')
}
