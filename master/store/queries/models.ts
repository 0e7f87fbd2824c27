import { sql, type RawBuilder } from 'kysely'
import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'
import { given } from '../given.ts'
import { isUniqueViolation } from '../failures.ts'

export interface ModelRow {
  id: number
  name: string
  description: string
  metadata: Record<string, unknown>
  labels: string[]
  notes: string
  workspace_id: number
  owner_id: number
  username: string
  archived: boolean
  versions: number
  created_at: Date
  updated_at: Date
}

export const MODEL_SORTS = ['NAME', 'DESCRIPTION', 'CREATION_TIME', 'LAST_UPDATED_TIME', 'NUM_VERSIONS', 'WORKSPACE'] as const
export type ModelSort = (typeof MODEL_SORTS)[number]

export interface ModelFilter {
  id?: number | undefined
  /** the whole name, upper and lower case alike */
  exactName?: string | undefined
  name?: string | undefined
  description?: string | undefined
  labels?: readonly string[] | undefined
  archived?: boolean | undefined
  workspaceIds?: readonly number[] | undefined
  workspaceNames?: readonly string[] | undefined
  users?: readonly string[] | undefined
  userIds?: readonly number[] | undefined
  sort: ModelSort
  descending: boolean
  limit: number
  offset: number
}

export async function listModels(db: Db, filter: ModelFilter): Promise<{ models: ModelRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const { rows } = await sql<ModelRow & { id: number | null; total: number }>`
    WITH matching AS MATERIALIZED (
      SELECT m.id, m.name, m.description, m.metadata, m.labels, m.notes, m.workspace_id, m.owner_id, u.username, m.archived, m.created_at, m.updated_at, w.name AS workspace,
        (SELECT count(*)::int FROM model_versions v WHERE v.model_id = m.id) AS versions
      FROM models m JOIN users u ON u.id = m.owner_id JOIN workspaces w ON w.id = m.workspace_id WHERE ${conditions(filter)})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT *, row_number() OVER (ORDER BY ${sortKey(filter.sort)} ${direction}, id) AS place FROM matching ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { models: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

/** By its name; a number that is no name is an id, as Determined takes it. */
export async function findModel(db: Db, nameOrId: string): Promise<ModelRow | null> {
  const one = { sort: 'NAME' as const, descending: false, limit: 1, offset: 0 }
  const [named] = (await listModels(db, { ...one, exactName: nameOrId })).models
  if (named || !/^[1-9]\d{0,8}$/.test(nameOrId)) return named ?? null
  return (await listModels(db, { ...one, id: Number(nameOrId) })).models[0] ?? null
}

export async function listModelLabels(db: Db): Promise<string[]> {
  const { rows } = await sql<{ label: string }>`SELECT label FROM models CROSS JOIN LATERAL jsonb_array_elements_text(labels) AS label GROUP BY label ORDER BY count(*) DESC, label LIMIT 1000`.execute(db)
  return rows.map((row) => row.label)
}

function sortKey(sort: ModelSort): RawBuilder<unknown> {
  switch (sort) {
    case 'NAME': return sql`lower(name)`
    case 'DESCRIPTION': return sql`description`
    case 'CREATION_TIME': return sql`created_at`
    case 'LAST_UPDATED_TIME': return sql`updated_at`
    case 'NUM_VERSIONS': return sql`versions`
    case 'WORKSPACE': return sql`workspace`
  }
}

function conditions(filter: ModelFilter): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.id !== undefined) all.push(sql`m.id = ${filter.id}`)
  if (filter.exactName !== undefined) all.push(sql`lower(m.name) = lower(${filter.exactName})`)
  if (filter.name) all.push(sql`position(lower(${filter.name}) in lower(m.name)) > 0`)
  if (filter.description) all.push(sql`position(lower(${filter.description}) in lower(m.description)) > 0`)
  if (filter.labels?.length) all.push(sql`m.labels @> ${JSON.stringify(filter.labels)}::jsonb`)
  if (filter.archived !== undefined) all.push(sql`m.archived = ${filter.archived}`)
  if (filter.workspaceIds?.length) all.push(sql`m.workspace_id = ANY(${[...filter.workspaceIds]}::int[])`)
  if (filter.workspaceNames?.length) all.push(sql`w.name = ANY(${[...filter.workspaceNames]}::text[])`)
  if (filter.users?.length) all.push(sql`u.username = ANY(${[...filter.users]}::text[])`)
  if (filter.userIds?.length) all.push(sql`m.owner_id = ANY(${[...filter.userIds]}::int[])`)
  return sql.join(all, sql` AND `)
}

export interface ModelWords {
  name?: string | undefined
  description?: string | undefined
  metadata?: Record<string, unknown> | undefined
  labels?: readonly string[] | undefined
  notes?: string | undefined
  archived?: boolean | undefined
  workspaceId?: number | undefined
}

/** The id; null when the name is taken. */
export async function insertModel(db: Db, model: ModelWords & { name: string; workspaceId: number; ownerId: number }): Promise<number | null> {
  try {
    const row = await db.insertInto('models').values({
      name: model.name, workspace_id: model.workspaceId, owner_id: model.ownerId, description: model.description ?? '', notes: model.notes ?? '', metadata: toJsonb(model.metadata ?? {}), labels: toJsonb(model.labels ?? []),
    }).returning('id').executeTakeFirstOrThrow()
    return row.id
  } catch (error) {
    if (isUniqueViolation(error)) return null
    throw error
  }
}

/** False when the new name is taken. */
export async function changeModel(db: Db, id: number, change: ModelWords): Promise<boolean> {
  const { metadata, labels, workspaceId } = change
  try {
    await db.updateTable('models').set({
      ...given(change, ['name', 'description', 'notes', 'archived']), updated_at: sql<Date>`now()`, ...(metadata === undefined ? {} : { metadata: toJsonb(metadata) }), ...(labels === undefined ? {} : { labels: toJsonb(labels) }), ...(workspaceId === undefined ? {} : { workspace_id: workspaceId }),
    }).where('id', '=', id).execute()
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}

export async function deleteModel(db: Db, id: number): Promise<void> {
  await db.deleteFrom('models').where('id', '=', id).execute()
}
