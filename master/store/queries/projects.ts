import { sql, type RawBuilder } from 'kysely'
import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'
import { given } from '../given.ts'
import { isUniqueViolation } from '../failures.ts'
import type { ProjectNote } from '../schema.ts'

export interface ProjectRow {
  id: number
  workspace_id: number
  workspace_name: string
  /** of the project or its workspace */
  archived: boolean
  name: string
  key: string
  description: string
  notes: ProjectNote[]
  owner_id: number | null
  username: string | null
  immutable: boolean
  experiments: number
  active: number
  runs: number
  last_started: Date | null
}

export const PROJECT_SORTS = ['ID', 'NAME', 'DESCRIPTION', 'CREATION_TIME', 'LAST_EXPERIMENT_START_TIME'] as const
export type ProjectSort = (typeof PROJECT_SORTS)[number]

export interface ProjectFilter {
  id?: number | undefined
  key?: string | undefined
  workspaceId?: number | undefined
  name?: string | undefined
  archived?: boolean | undefined
  users?: readonly string[] | undefined
  userIds?: readonly number[] | undefined
  sort: ProjectSort
  descending: boolean
  limit: number
  offset: number
}

export async function listProjects(db: Db, filter: ProjectFilter): Promise<{ projects: ProjectRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC NULLS LAST` : sql`ASC NULLS LAST`
  const { rows } = await sql<ProjectRow & { id: number | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT p.*, w.name AS workspace_name, w.archived AS above, u.username, ${LAST} AS last_started
      FROM projects p JOIN workspaces w ON w.id = p.workspace_id LEFT JOIN users u ON u.id = p.owner_id WHERE ${conditions(filter)})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m LEFT JOIN (
      SELECT row_number() OVER (ORDER BY ${sortKey(filter.sort)} ${direction}, p.id) AS place, p.id, p.workspace_id, p.workspace_name, p.archived OR p.above AS archived, p.name, p.key, p.description, p.notes, p.owner_id, p.username, p.immutable, p.last_started,
        (SELECT count(*)::int FROM experiments e WHERE e.project_id = p.id) AS experiments,
        (SELECT count(*)::int FROM experiments e WHERE e.project_id = p.id AND e.state IN ('ACTIVE', 'PAUSED')) AS active,
        (SELECT count(*)::int FROM experiments e JOIN trials t ON t.experiment_id = e.id WHERE e.project_id = p.id) AS runs
      FROM matching p ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { projects: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

const LAST = sql`(SELECT max(e.started_at) FROM experiments e WHERE e.project_id = p.id)`

export async function findProject(db: Db, by: { id: number } | { key: string }): Promise<ProjectRow | null> {
  return (await listProjects(db, { ...by, sort: 'ID', descending: false, limit: 1, offset: 0 })).projects[0] ?? null
}

function sortKey(sort: ProjectSort): RawBuilder<unknown> {
  if (sort === 'NAME') return sql`lower(p.name)`
  if (sort === 'DESCRIPTION') return sql`p.description`
  if (sort === 'LAST_EXPERIMENT_START_TIME') return sql`p.last_started`
  return sort === 'CREATION_TIME' ? sql`p.created_at` : sql`p.id`
}

function conditions(filter: ProjectFilter): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.id !== undefined) all.push(sql`p.id = ${filter.id}`)
  if (filter.key !== undefined) all.push(sql`lower(p.key) = lower(${filter.key})`)
  if (filter.workspaceId !== undefined) all.push(sql`p.workspace_id = ${filter.workspaceId}`)
  if (filter.name) all.push(sql`position(lower(${filter.name}) in lower(p.name)) > 0`)
  if (filter.archived !== undefined) all.push(sql`(p.archived OR w.archived) = ${filter.archived}`)
  if (filter.users?.length) all.push(sql`u.username = ANY(${[...filter.users]}::text[])`)
  if (filter.userIds?.length) all.push(sql`p.owner_id = ANY(${[...filter.userIds]}::int[])`)
  return sql.join(all, sql` AND `)
}

export interface NewProject {
  workspaceId: number
  name: string
  description: string
  /** null: one is made from the name */
  key: string | null
  ownerId: number
}

/** The new project's id, or which of its words is taken. */
export async function insertProject(db: Db, project: NewProject): Promise<number | 'name' | 'key'> {
  const stem = (project.name.replace(/[^A-Za-z0-9]/g, '').slice(0, 3) || 'PRJ').toUpperCase()
  try {
    const { rows } = await sql<{ id: number }>`
      WITH made AS (SELECT nextval(pg_get_serial_sequence('projects', 'id'))::int AS id)
      INSERT INTO projects (id, workspace_id, name, description, key, owner_id)
      SELECT id, ${project.workspaceId}, ${project.name}, ${project.description}, coalesce(${project.key}::text, ${stem}::text || id), ${project.ownerId} FROM made RETURNING id`.execute(db)
    const [row] = rows
    if (!row) throw new Error('a project was stored without an id')
    return row.id
  } catch (error) {
    if (isUniqueViolation(error)) return takenWord(error)
    throw error
  }
}

export interface ProjectChange {
  name?: string | undefined
  description?: string | undefined
  key?: string | undefined
  notes?: readonly ProjectNote[] | undefined
  archived?: boolean | undefined
  workspaceId?: number | undefined
}

export async function changeProject(db: Db, id: number, change: ProjectChange): Promise<'done' | 'name' | 'key'> {
  const { notes, workspaceId } = change
  const set = { ...given(change, ['name', 'description', 'key', 'archived']), ...(notes === undefined ? {} : { notes: toJsonb(notes) }), ...(workspaceId === undefined ? {} : { workspace_id: workspaceId }) }
  if (Object.keys(set).length === 0) return 'done'
  try {
    await db.updateTable('projects').set(set).where('id', '=', id).execute()
    return 'done'
  } catch (error) {
    if (isUniqueViolation(error)) return takenWord(error)
    throw error
  }
}

/** One note more, read and written under the row's lock, so that two at once lose none. */
export async function addProjectNote(db: Db, id: number, note: ProjectNote): Promise<void> {
  await sql`UPDATE projects SET notes = notes || jsonb_build_array(${toJsonb(note)}::jsonb) WHERE id = ${id}`.execute(db)
}

/** How many experiments it holds; 0: it is deleted. */
export function deleteProject(db: Db, id: number): Promise<number> {
  return db.transaction().execute(async (tx) => {
    await sql`SELECT 1 FROM projects WHERE id = ${id} FOR UPDATE`.execute(tx)
    const { rows } = await sql<{ count: number }>`SELECT count(*)::int AS count FROM experiments WHERE project_id = ${id}`.execute(tx)
    const count = rows[0]?.count ?? 0
    if (count === 0) await tx.deleteFrom('projects').where('id', '=', id).execute()
    return count
  })
}

function takenWord(error: unknown): 'name' | 'key' {
  return typeof error === 'object' && error !== null && 'constraint' in error && error.constraint === 'projects_key' ? 'key' : 'name'
}
