import { sql } from 'kysely'
import type { Db } from '../db.ts'

export interface UserRow {
  id: number
  username: string
  display_name: string | null
  admin: boolean
  active: boolean
  agent_user: { uid: number; user: string; gid: number; group: string } | null
  modified_at: Date
}

const COLUMNS = ['id', 'username', 'display_name', 'admin', 'active', 'agent_user', 'modified_at'] as const

export async function findUser(db: Db, id: number): Promise<UserRow | null> {
  return await db.selectFrom('users').select(COLUMNS).where('id', '=', id).executeTakeFirst() ?? null
}

export async function findUserByName(db: Db, username: string): Promise<UserRow | null> {
  return await db.selectFrom('users').select(COLUMNS).where(sql`lower(username)`, '=', username.toLowerCase()).executeTakeFirst() ?? null
}

export async function findPassword(db: Db, username: string): Promise<{ id: number; active: boolean; hash: string } | null> {
  const row = await db.selectFrom('users').select(['id', 'active', 'password_hash']).where(sql`lower(username)`, '=', username.toLowerCase()).executeTakeFirst()
  return row ? { id: row.id, active: row.active, hash: row.password_hash } : null
}

export async function listUsers(db: Db, filter: { active?: boolean | undefined; admin?: boolean | undefined; name?: string | undefined; limit: number; offset: number }): Promise<{ users: UserRow[]; total: number }> {
  let query = db.selectFrom('users')
  if (filter.active !== undefined) query = query.where('active', '=', filter.active)
  if (filter.admin !== undefined) query = query.where('admin', '=', filter.admin)
  if (filter.name) query = query.where(sql<boolean>`position(lower(${filter.name}) in lower(username)) > 0`)
  const count = await query.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirst()
  const users = await query.select(COLUMNS).orderBy('id').limit(filter.limit).offset(filter.offset).execute()
  return { users, total: count?.total ?? 0 }
}
