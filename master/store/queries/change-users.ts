import { sql } from 'kysely'
import { toJsonb } from '../clean.ts'
import { isUniqueViolation } from '../failures.ts'
import type { Db } from '../db.ts'

export interface HostUserWords {
  uid: number
  user: string
  gid: number
  group: string
}

export interface NewUser {
  username: string
  displayName: string | null
  admin: boolean
  active: boolean
  passwordHash: string
  hostUser?: HostUserWords | undefined
}

/** The id; null when the name is taken (upper and lower case are the same name). */
export async function insertUser(db: Db, user: NewUser): Promise<number | null> {
  try {
    const row = await db.insertInto('users').values({ username: user.username, display_name: user.displayName, admin: user.admin, active: user.active, password_hash: user.passwordHash, agent_user: user.hostUser ? toJsonb(user.hostUser) : null }).returning('id').executeTakeFirstOrThrow()
    return row.id
  } catch (error) {
    if (isUniqueViolation(error)) return null
    throw error
  }
}

export interface UserChange {
  username?: string | undefined
  displayName?: string | null | undefined
  admin?: boolean | undefined
  active?: boolean | undefined
  passwordHash?: string | undefined
  hostUser?: HostUserWords | undefined
}
export type UserChanged = 'done' | 'not-found' | 'name-taken' | 'last-admin'

/**
 * One transaction. The cluster keeps at least one active administrator. A new password or a deactivation ends the
 * user's sessions, except the one (`keep`) that asked.
 */
export async function changeUser(db: Db, id: number, change: UserChange, keep: Buffer): Promise<UserChanged> {
  try {
    return await db.transaction().execute(async (tx): Promise<UserChanged> => {
      // every change of rights takes the same lock, so that two administrators cannot demote each other
      const admins = await tx.selectFrom('users').select('id').where('admin', '=', true).where('active', '=', true).orderBy('id').forUpdate().execute()
      const losesAdmin = change.admin === false || change.active === false
      if (losesAdmin && admins.length === 1 && admins[0]?.id === id) return 'last-admin'
      const result = await tx.updateTable('users').set({
        modified_at: sql<Date>`now()`,
        ...(change.username === undefined ? {} : { username: change.username }),
        ...(change.displayName === undefined ? {} : { display_name: change.displayName }),
        ...(change.admin === undefined ? {} : { admin: change.admin }),
        ...(change.active === undefined ? {} : { active: change.active }),
        ...(change.passwordHash === undefined ? {} : { password_hash: change.passwordHash }),
        ...(change.hostUser === undefined ? {} : { agent_user: toJsonb(change.hostUser) }),
      }).where('id', '=', id).executeTakeFirst()
      if (result.numUpdatedRows === 0n) return 'not-found'
      if (change.passwordHash !== undefined || change.active === false) await tx.deleteFrom('tokens').where('kind', '=', 'session').where('user_id', '=', id).where('hash', '<>', keep).execute()
      return 'done'
    })
  } catch (error) {
    if (isUniqueViolation(error)) return 'name-taken'
    throw error
  }
}
