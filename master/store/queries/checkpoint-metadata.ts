import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'

/** What a person says of a checkpoint, whole; the file beside the bytes and the pointer stay as they were written. False: no such checkpoint. */
export async function setCheckpointMetadata(db: Db, uuid: string, metadata: Record<string, unknown>): Promise<boolean> {
  const result = await db.updateTable('checkpoints').set({ metadata: toJsonb(metadata) }).where('uuid', '=', uuid).executeTakeFirst()
  return result.numUpdatedRows > 0n
}
