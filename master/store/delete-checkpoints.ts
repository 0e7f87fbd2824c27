import { posix } from 'node:path'
import { toJsonb } from './clean.ts'
import type { CommandResult, Deletion } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents, type NewEvent } from './events.ts'
import type { Tx } from './leader.ts'

/** Names with a leading dot too, which no other pattern matches by an asterisk; as in Determined. */
const EVERYTHING = '**/*'

interface Target {
  uuid: string
  state: string
  kind: string
  steps: number
  experiment_id: number | null
  trial_id: number | null
  allocation_id: string
  resources: Record<string, number>
}

/**
 * Marks checkpoints deleted, wholly or in part, all of them or none (I4: readable until then); the checkpoint loop writes the tombstones and removes
 * the bytes. Refused where one is registered as a version of a model, is what a live trial would go on from, or is another user's.
 */
export function deleteCheckpoints(db: Db, { uuids, globs, by }: Deletion): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const targets = await tx.selectFrom('checkpoints').select(['uuid', 'state', 'kind', 'steps', 'experiment_id', 'trial_id', 'allocation_id', 'resources']).where('uuid', 'in', [...uuids]).orderBy('uuid').forUpdate().execute()
    const missing = uuids.find((uuid) => !targets.some((one) => one.uuid === uuid))
    if (missing !== undefined) return { kind: 'not-found' }
    const refusal = await refusalOf(tx, targets, by)
    if (refusal !== null) return { kind: 'conflict', message: refusal }
    const events: NewEvent[] = []
    for (const target of targets) events.push(...(await deleteOne(tx, target, globs?.includes(EVERYTHING) ? null : globs, by.username)))
    await addEvents(tx, events)
    return { kind: 'done' }
  })
}

async function deleteOne(tx: Tx, target: Target, globs: readonly string[] | null, by: string): Promise<NewEvent[]> {
  if (target.state !== 'COMPLETED' && target.state !== 'PARTIALLY_DELETED') return []
  const left = Object.fromEntries(Object.entries(target.resources).filter(([name]) => globs !== null && !globs.some((glob) => posix.matchesGlob(name.replace(/\/$/, ''), glob))))
  const count = Object.keys(target.resources).length - Object.keys(left).length
  if (globs !== null && count === 0) return []
  const state = Object.keys(left).some((name) => !name.endsWith('/')) ? 'PARTIALLY_DELETED' as const : 'DELETED' as const
  // storage of the user's own is not ours to touch: only the row says it
  await tx.updateTable('checkpoints').set({ state, resources: toJsonb(state === 'DELETED' ? target.resources : left), pointer_written: target.kind === 'own' }).where('uuid', '=', target.uuid).execute()
  const text = state === 'DELETED' ? `checkpoint ${target.uuid} at step ${target.steps} was deleted by ${by}` : `${count} files of checkpoint ${target.uuid} at step ${target.steps} were deleted by ${by}`
  return [{ kind: 'checkpoint-deleted', experimentId: target.experiment_id, trialId: target.trial_id, allocationId: target.allocation_id, text, data: { uuid: target.uuid, state } }]
}

async function refusalOf(tx: Tx, targets: readonly Target[], by: Deletion['by']): Promise<string | null> {
  const uuids = targets.map((one) => one.uuid)
  const foreign = by.admin ? undefined : await tx.selectFrom('checkpoints as c').innerJoin('experiments as e', 'e.id', 'c.experiment_id').select(['c.uuid', 'e.id']).where('c.uuid', 'in', uuids).where('e.owner_id', '<>', by.userId).executeTakeFirst()
  if (foreign) return `checkpoint ${foreign.uuid} is of experiment ${foreign.id}, which is another user's: ask its owner or an administrator`
  const version = await tx.selectFrom('model_versions as v').innerJoin('models as m', 'm.id', 'v.model_id').select(['m.name', 'v.version', 'v.checkpoint_uuid']).where('v.checkpoint_uuid', 'in', uuids).executeTakeFirst()
  if (version) return `checkpoint ${version.checkpoint_uuid} is version ${version.version} of model ${version.name}: delete that version first`
  const source = await tx.selectFrom('experiments').select(['id', 'source_checkpoint']).where('source_checkpoint', 'in', uuids).where('state', 'in', ['ACTIVE', 'PAUSED']).executeTakeFirst()
  if (source) return `checkpoint ${source.source_checkpoint} is what experiment ${source.id} starts from: wait for its end, or kill it first`
  return liveOf(tx, targets)
}

/** What a trial that has not ended would resume from (I5). */
async function liveOf(tx: Tx, targets: readonly Target[]): Promise<string | null> {
  const trials = [...new Set(targets.flatMap((one) => one.trial_id ?? []))]
  if (trials.length === 0) return null
  const newest = await tx.selectFrom('checkpoints as c').innerJoin('trials as t', 't.id', 'c.trial_id').distinctOn('c.trial_id').select(['c.uuid', 'c.trial_id']).where('c.trial_id', 'in', trials).where('t.state', '=', 'ACTIVE').where('c.state', '=', 'COMPLETED')
    .orderBy('c.trial_id').orderBy('c.steps', 'desc').orderBy('c.epoch', 'desc').orderBy('c.ordinal', 'desc').execute()
  const needed = newest.find((one) => targets.some((target) => target.uuid === one.uuid))
  return needed === undefined ? null : `checkpoint ${needed.uuid} is what trial ${needed.trial_id} would go on from: wait for its end, or kill it first`
}
