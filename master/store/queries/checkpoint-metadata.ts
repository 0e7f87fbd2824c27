import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'

/** What a person says of a checkpoint, whole. Its pointer is written anew by the checkpoints loop; the manifest stays as it is. False: no such checkpoint. */
export async function setCheckpointMetadata(db: Db, uuid: string, metadata: Record<string, unknown>): Promise<boolean> {
  const result = await db.updateTable('checkpoints').set({ metadata: toJsonb(metadata), pointer_written: false }).where('uuid', '=', uuid).executeTakeFirst()
  return result.numUpdatedRows > 0n
}
