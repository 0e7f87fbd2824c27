import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { allocationId } from '../../protocol/words/ids.ts'
import { putBlobs } from './blobs.ts'
import { cleanText, toJsonb } from './clean.ts'
import type { CommandResult, NewCommand } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'

const PRIORITY_DEFAULT = 42

/** One transaction: files, task, allocation (PENDING, epoch 1), command and event. Gives the task's id. */
export function createCommand(db: Db, input: NewCommand): Promise<string> {
  const task = `command-${randomUUID()}`
  const { resources } = input.config
  return db.transaction().execute(async (tx) => {
    const [digest = null] = await putBlobs(tx, input.context === null ? [] : [input.context])
    await tx.insertInto('tasks').values({ id: task, kind: 'COMMAND', experiment_id: null, epoch: 1 }).execute()
    await tx.insertInto('commands').values({
      task_id: task, owner_id: input.ownerId, workspace_id: input.workspaceId, description: input.description, config: toJsonb(input.config), context_digest: digest, resource_pool: input.pool,
      slots: resources.slots_per_trial, priority: resources.priority ?? PRIORITY_DEFAULT,
      after_experiment: sql<number>`(SELECT coalesce(max(id), 0) FROM experiments)`,
    }).execute()
    const id = allocationId(task, 1)
    await tx.insertInto('allocations').values({ id, task_id: task, epoch: 1, state: 'PENDING', pool: input.pool, slots: resources.slots_per_trial }).execute()
    await addEvents(tx, [{ kind: 'allocation-created', allocationId: id, pool: input.pool, text: `command ${input.description} waits for the scheduler` }])
    return task
  })
}

/** The wish alone; the lifecycle loop draws the consequences. One that has ended is left as it is. */
export function killCommand(db: Db, task: string, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const row = await tx.selectFrom('commands as c').innerJoin('tasks as k', 'k.id', 'c.task_id').select(['c.killed_by', 'c.description', 'k.ended_at', 'k.epoch']).where('c.task_id', '=', task).forUpdate('c').executeTakeFirst()
    if (!row) return { kind: 'not-found' }
    if (row.ended_at !== null || row.killed_by !== '') return { kind: 'done' }
    await tx.updateTable('commands').set({ killed_by: cleanText(by) }).where('task_id', '=', task).execute()
    await addEvents(tx, [{ kind: 'command-killed', allocationId: allocationId(task, row.epoch), text: `command ${row.description} was killed by ${by}` }])
    return { kind: 'done' }
  })
}
