import type { CommandResult } from './commands.ts'
import { clearAlarm } from './alarms.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'

/** The key of the alarm of a paused pool. */
export const pausedAlarm = (pool: string): string => `pool-paused:${pool}`

/** It may launch again at once: what EC2 refused is forgotten, and so are the strikes of one that was paused. */
export function resumePool(db: Db, name: string, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const row = await tx.selectFrom('pools').select('paused').where('name', '=', name).forUpdate().executeTakeFirst()
    if (row === undefined) return { kind: 'not-found' }
    await tx.deleteFrom('dry_marks').where('pool', '=', name).execute()
    if (row.paused === null) return { kind: 'done' }
    await tx.updateTable('pools').set({ paused: null, paused_at: null, strikes: 0 }).where('name', '=', name).execute()
    await clearAlarm(tx, pausedAlarm(name))
    await addEvents(tx, [{ kind: 'pool-resumed', pool: name, text: `pool ${name} was resumed by ${by}: it launches again; it was paused because ${row.paused}` }])
    return { kind: 'done' }
  })
}
