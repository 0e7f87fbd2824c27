import { sql } from 'kysely'
import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'
import { isUniqueViolation } from '../failures.ts'

export interface TemplateRow {
  name: string
  workspace_id: number
  owner_id: number
  config: Record<string, unknown>
}

export async function listTemplates(db: Db, filter: { name?: string | undefined; workspaceIds?: readonly number[] | undefined; descending: boolean; limit: number; offset: number }): Promise<{ templates: TemplateRow[]; total: number }> {
  const named = filter.name ? sql`AND position(lower(${filter.name}) in lower(name)) > 0` : sql``
  const within = filter.workspaceIds?.length ? sql`AND workspace_id = ANY(${[...filter.workspaceIds]}::int[])` : sql``
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const { rows } = await sql<TemplateRow & { name: string | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT name, workspace_id, owner_id, config FROM templates WHERE true ${named} ${within})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT * FROM matching ORDER BY name ${direction} LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.name ${direction}`.execute(db)
  return { templates: rows.filter((row) => row.name !== null), total: rows[0]?.total ?? 0 }
}

export async function findTemplate(db: Db, name: string): Promise<TemplateRow | null> {
  return await db.selectFrom('templates').select(['name', 'workspace_id', 'owner_id', 'config']).where('name', '=', name).executeTakeFirst() ?? null
}

/** False when the name is taken. */
export async function insertTemplate(db: Db, template: TemplateRow): Promise<boolean> {
  try {
    await db.insertInto('templates').values({ ...template, config: toJsonb(template.config) }).execute()
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}

/** Null when the new name is taken, false when there is no such template. */
export async function changeTemplate(db: Db, name: string, change: { name?: string; config?: Record<string, unknown> }): Promise<boolean | null> {
  const set = { ...(change.name === undefined ? {} : { name: change.name }), ...(change.config === undefined ? {} : { config: toJsonb(change.config) }) }
  try {
    const result = await db.updateTable('templates').set(set).where('name', '=', name).executeTakeFirst()
    return result.numUpdatedRows > 0n
  } catch (error) {
    if (isUniqueViolation(error)) return null
    throw error
  }
}

export async function deleteTemplate(db: Db, name: string): Promise<boolean> {
  return (await db.deleteFrom('templates').where('name', '=', name).executeTakeFirst()).numDeletedRows > 0n
}
