import type { CommandResult, JobChange } from './commands.ts'
import { changeExperiment } from './change-experiment.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'

/** By the job's id: what waits is looked at anew; what holds slots keeps them until it ends. */
export async function changeJob(db: Db, jobId: string, change: JobChange, by: string): Promise<CommandResult> {
  const experiment = await db.selectFrom('experiments').select('id').where('job_id', '=', jobId).executeTakeFirst()
  if (experiment && change.pool === undefined) return changeExperiment(db, experiment.id, { priority: change.priority, weight: change.weight }, by)
  if (experiment) return moveToPool(db, experiment.id, change.pool ?? '', by)
  const { priority } = change
  if (change.pool !== undefined) return { kind: 'conflict', message: `job ${jobId} is a command, which stays in its pool: kill it and run it again there` }
  const result = await db.updateTable('commands').set(priority === undefined ? { job_id: jobId } : { priority }).where('job_id', '=', jobId).executeTakeFirst()
  return result.numUpdatedRows === 0n ? { kind: 'not-found' } : { kind: 'done' }
}

/** Only while nothing of it holds slots: its waiting allocations go along. */
function moveToPool(db: Db, id: number, pool: string, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const live = await tx.selectFrom('allocations as a').innerJoin('tasks as k', 'k.id', 'a.task_id').select(['a.id', 'a.state']).where('k.experiment_id', '=', id).where('a.state', '<>', 'SEALED').orderBy('a.id').forUpdate('a').execute()
    const held = live.find((allocation) => allocation.state !== 'PENDING')
    if (held) return { kind: 'conflict', message: `experiment ${id} holds slots (${held.id} is ${held.state}): pause it, then move it to pool ${pool}` }
    const row = await tx.selectFrom('experiments').select('config').where('id', '=', id).forUpdate().executeTakeFirstOrThrow()
    const config = { ...row.config, resources: { ...row.config.resources, resource_pool: pool } }
    await tx.updateTable('experiments').set({ resource_pool: pool, config: JSON.stringify(config) }).where('id', '=', id).execute()
    for (const allocation of live) await tx.updateTable('allocations').set({ pool, wait_reason: '' }).where('id', '=', allocation.id).execute()
    await addEvents(tx, [{ kind: 'experiment-changed', experimentId: id, pool, text: `experiment ${id} was moved to pool ${pool} by ${by}` }])
    return { kind: 'done' }
  })
}
