import { randomUUID } from 'node:crypto'
import type { Db } from './db.ts'

export interface Cluster {
  id: string
  incarnation: string
}

/** The cluster's id is made once; the incarnation changes when the store is restored from a backup. */
export async function loadCluster(db: Db): Promise<Cluster> {
  await db.insertInto('cluster').values({ id: 1, cluster_id: `drover-${randomUUID().slice(0, 8)}` }).onConflict((conflict) => conflict.doNothing()).execute()
  const row = await db.selectFrom('cluster').select(['cluster_id', 'incarnation']).executeTakeFirstOrThrow()
  return { id: row.cluster_id, incarnation: row.incarnation }
}
