import { sql } from 'kysely'
import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'
import { given } from '../given.ts'

export interface VersionRow {
  id: number
  model_id: number
  version: number
  checkpoint_uuid: string
  name: string
  comment: string
  notes: string
  labels: string[]
  metadata: Record<string, unknown>
  owner_id: number
  username: string
  created_at: Date
  updated_at: Date
}

export async function listVersions(db: Db, modelId: number, page: { descending: boolean; limit: number; offset: number; version?: number }): Promise<{ versions: VersionRow[]; total: number }> {
  const direction = page.descending ? sql`DESC` : sql`ASC`
  const only = page.version === undefined ? sql`` : sql`AND v.version = ${page.version}`
  const { rows } = await sql<VersionRow & { id: number | null; total: number }>`
    WITH matching AS MATERIALIZED (SELECT v.*, u.username FROM model_versions v JOIN users u ON u.id = v.owner_id WHERE v.model_id = ${modelId} ${only})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT * FROM matching ORDER BY version ${direction} LIMIT ${page.limit} OFFSET ${page.offset}) x ON true ORDER BY x.version ${direction}`.execute(db)
  return { versions: rows.filter((row) => row.id !== null), total: rows[0]?.total ?? 0 }
}

export async function findVersion(db: Db, modelId: number, version: number): Promise<VersionRow | null> {
  return (await listVersions(db, modelId, { descending: false, limit: 1, offset: 0, version })).versions[0] ?? null
}

export interface VersionWords {
  name?: string | undefined
  comment?: string | undefined
  notes?: string | undefined
  labels?: readonly string[] | undefined
  metadata?: Record<string, unknown> | undefined
}

/** The number of the new version: the model's next, never one that was given before. Null: the checkpoint is deleted, or never was whole. */
export function insertVersion(db: Db, version: VersionWords & { modelId: number; checkpoint: string; ownerId: number }): Promise<number | null> {
  return db.transaction().execute(async (tx) => {
    const { last_version: number } = await tx.updateTable('models').set({ last_version: sql`last_version + 1`, updated_at: sql<Date>`now()` }).where('id', '=', version.modelId).returning('last_version').executeTakeFirstOrThrow()
    // the lock that a deletion of the checkpoint waits for
    const checkpoint = await tx.selectFrom('checkpoints').select('uuid').where('uuid', '=', version.checkpoint).where('state', '=', 'COMPLETED').forUpdate().executeTakeFirst()
    if (!checkpoint) return null
    await tx.insertInto('model_versions').values({
      model_id: version.modelId, version: number, checkpoint_uuid: version.checkpoint, owner_id: version.ownerId, name: version.name ?? '', comment: version.comment ?? '', notes: version.notes ?? '',
      labels: toJsonb(version.labels ?? []), metadata: toJsonb(version.metadata ?? {}),
    }).execute()
    return number
  })
}

export async function changeVersion(db: Db, id: number, change: VersionWords): Promise<void> {
  const { labels, metadata } = change
  await db.updateTable('model_versions').set({ ...given(change, ['name', 'comment', 'notes']), updated_at: sql<Date>`now()`, ...(labels === undefined ? {} : { labels: toJsonb(labels) }), ...(metadata === undefined ? {} : { metadata: toJsonb(metadata) }) }).where('id', '=', id).execute()
}

export async function deleteVersion(db: Db, id: number): Promise<void> {
  await db.deleteFrom('model_versions').where('id', '=', id).execute()
}
