import { randomUUID } from 'node:crypto'
import type { Db } from './db.ts'

export interface Cluster {
  clusterId: string
  /** changes when the database was restored: agents start their generations anew */
  incarnation: string
  term: number
}

/** The one cluster row; the id is made once and never changes. */
export async function openCluster(db: Db): Promise<Cluster> {
  await db.insertInto('cluster').values({ id: 1, cluster_id: randomUUID() }).onConflict((c) => c.column('id').doNothing()).execute()
  const row = await db.selectFrom('cluster').selectAll().executeTakeFirstOrThrow()
  return { clusterId: row.cluster_id, incarnation: row.incarnation, term: row.term }
}
