import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../db.ts'
import { given } from '../given.ts'
import { isUniqueViolation } from '../failures.ts'

export interface WorkspaceRow {
  id: number
  name: string
  archived: boolean
  immutable: boolean
  /** null: it came with the cluster */
  owner_id: number | null
  username: string | null
  projects: number
  experiments: number
}

export const WORKSPACE_SORTS = ['ID', 'NAME'] as const
export type WorkspaceSort = (typeof WORKSPACE_SORTS)[number]

export interface WorkspaceFilter {
  id?: number | undefined
  name?: string | undefined
  /** the whole name, upper and lower case told apart */
  exactName?: string | undefined
  archived?: boolean | undefined
  users?: readonly string[] | undefined
  userIds?: readonly number[] | undefined
  sort: WorkspaceSort
  descending: boolean
  limit: number
  offset: number
}

export async function listWorkspaces(db: Db, filter: WorkspaceFilter): Promise<{ workspaces: WorkspaceRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const key = filter.sort === 'NAME' ? sql`lower(w.name)` : sql`w.id`
  const { rows } = await sql<WorkspaceRow & { total: number }>`
    SELECT w.id, w.name, w.archived, w.immutable, w.owner_id, u.username, count(*) OVER ()::int AS total,
      (SELECT count(*)::int FROM projects p WHERE p.workspace_id = w.id) AS projects,
      (SELECT count(*)::int FROM projects p JOIN experiments e ON e.project_id = p.id WHERE p.workspace_id = w.id) AS experiments
    FROM workspaces w LEFT JOIN users u ON u.id = w.owner_id WHERE ${conditions(filter)}
    ORDER BY ${key} ${direction}, w.id LIMIT ${filter.limit} OFFSET ${filter.offset}`.execute(db)
  const total = rows[0]?.total ?? (filter.offset === 0 && filter.limit > 0 ? 0 : await countWorkspaces(db, filter))
  return { workspaces: rows, total }
}

export async function findWorkspace(db: Db, id: number): Promise<WorkspaceRow | null> {
  return (await listWorkspaces(db, { id, sort: 'ID', descending: false, limit: 1, offset: 0 })).workspaces[0] ?? null
}

async function countWorkspaces(db: Db, filter: WorkspaceFilter): Promise<number> {
  const { rows } = await sql<{ total: number }>`SELECT count(*)::int AS total FROM workspaces w LEFT JOIN users u ON u.id = w.owner_id WHERE ${conditions(filter)}`.execute(db)
  return rows[0]?.total ?? 0
}

function conditions(filter: WorkspaceFilter): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.id !== undefined) all.push(sql`w.id = ${filter.id}`)
  if (filter.name) all.push(sql`position(lower(${filter.name}) in lower(w.name)) > 0`)
  if (filter.exactName) all.push(sql`w.name = ${filter.exactName}`)
  if (filter.archived !== undefined) all.push(sql`w.archived = ${filter.archived}`)
  if (filter.users?.length) all.push(sql`u.username = ANY(${[...filter.users]}::text[])`)
  if (filter.userIds?.length) all.push(sql`w.owner_id = ANY(${[...filter.userIds]}::int[])`)
  return sql.join(all, sql` AND `)
}

/** The new workspace's id; null when the name is taken (upper and lower case are the same name). */
export async function insertWorkspace(db: Db, name: string, ownerId: number): Promise<number | null> {
  try {
    return (await db.insertInto('workspaces').values({ name, owner_id: ownerId }).returning('id').executeTakeFirstOrThrow()).id
  } catch (error) {
    if (isUniqueViolation(error)) return null
    throw error
  }
}

/** False when the name is taken. */
export async function changeWorkspace(db: Db, id: number, change: { name?: string | undefined; archived?: boolean | undefined }): Promise<boolean> {
  const set = given(change, ['name', 'archived'])
  if (Object.keys(set).length === 0) return true
  try {
    await db.updateTable('workspaces').set(set).where('id', '=', id).execute()
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}

/** What still lies in it, as words; empty: it is deleted, with its empty projects and its templates. */
export function deleteWorkspace(db: Db, id: number): Promise<string> {
  return db.transaction().execute(async (tx) => {
    await sql`SELECT 1 FROM workspaces WHERE id = ${id} FOR UPDATE`.execute(tx)
    const { rows } = await sql<{ experiments: number; models: number; commands: number }>`
      SELECT (SELECT count(*)::int FROM projects p JOIN experiments e ON e.project_id = p.id WHERE p.workspace_id = ${id}) AS experiments,
        (SELECT count(*)::int FROM models WHERE workspace_id = ${id}) AS models,
        (SELECT count(*)::int FROM commands c JOIN tasks t ON t.id = c.task_id WHERE c.workspace_id = ${id} AND t.ended_at IS NULL) AS commands`.execute(tx)
    const held = Object.entries(rows[0] ?? {}).filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`)
    if (held.length > 0) return held.join(', ')
    await tx.deleteFrom('projects').where('workspace_id', '=', id).execute()
    await tx.deleteFrom('workspaces').where('id', '=', id).execute()
    return ''
  })
}
