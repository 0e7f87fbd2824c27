import { canMoveExperiment } from '../../protocol/words/states.ts'
import { cleanText } from './clean.ts'
import type { CommandResult } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'

/**
 * The intent: the experiment is DELETING and its checkpoints are marked deleted (I4); the deletion loop removes the bytes,
 * then the rows. A registered checkpoint is kept, and with it the experiment.
 */
export function deleteExperiment(db: Db, id: number, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const checkpoints = await tx.selectFrom('checkpoints').select('uuid').where('trial_id', 'in', (eb) => eb.selectFrom('trials').select('id').where('experiment_id', '=', id)).orderBy('uuid').forUpdate().execute()
    const row = await tx.selectFrom('experiments').select('state').where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) return { kind: 'not-found' }
    if (row.state === 'DELETING') return { kind: 'done' }
    if (!canMoveExperiment(row.state, 'DELETING')) return { kind: 'conflict', message: `experiment ${id} is ${row.state}: only one that has ended can be deleted; kill it first` }
    const uuids = checkpoints.map((checkpoint) => checkpoint.uuid)
    const kept = uuids.length === 0 ? undefined : await tx.selectFrom('model_versions as v').innerJoin('models as m', 'm.id', 'v.model_id').select(['m.name', 'v.version', 'v.checkpoint_uuid']).where('v.checkpoint_uuid', 'in', uuids).executeTakeFirst()
    if (kept) return { kind: 'conflict', message: `checkpoint ${kept.checkpoint_uuid} of experiment ${id} is version ${kept.version} of model ${kept.name}: delete that version first` }
    if (uuids.length > 0) await tx.updateTable('checkpoints').set({ state: 'DELETED' }).where('uuid', 'in', uuids).execute()
    const reason = cleanText(`deleted by ${by}`)
    await tx.updateTable('experiments').set({ state: 'DELETING', state_reason: reason }).where('id', '=', id).execute()
    await addEvents(tx, [{ kind: 'experiment-state', experimentId: id, text: `experiment ${id} was ${reason}: its files go first, then what is known of it`, data: { from: row.state, to: 'DELETING' } }])
    return { kind: 'done' }
  })
}
