import { sql, type Transaction } from 'kysely'
import type { Db } from './db.ts'
import type { Database } from './schema.ts'

export type Tx = Transaction<Database>

/** Another master decides now; what this one worked out is dropped. */
export class LostLeadership extends Error {
  override readonly name = 'LostLeadership'
  constructor() {
    super('another master leads: this decision is dropped')
  }
}

/**
 * One row says who decides, for how long by the database's clock, and with which epoch. Taken by compare-and-set: free
 * when its time is over. Returns the epoch while `holder` leads, else null.
 */
export async function holdLeadership(db: Db, holder: string, seconds: number): Promise<number | null> {
  const { rows } = await sql<{ epoch: number }>`
    INSERT INTO leader (id, epoch, holder, until) VALUES (1, 1, ${holder}, now() + make_interval(secs => ${seconds}))
    ON CONFLICT (id) DO UPDATE SET
      epoch = CASE WHEN leader.holder = excluded.holder THEN leader.epoch ELSE leader.epoch + 1 END,
      holder = excluded.holder, until = excluded.until
      WHERE leader.holder = excluded.holder OR leader.until < now()
    RETURNING epoch`.execute(db)
  return rows[0]?.epoch ?? null
}

/** Gives the row up at a planned stop, so that the next master need not wait. */
export async function releaseLeadership(db: Db, holder: string): Promise<void> {
  await sql`UPDATE leader SET until = now() WHERE holder = ${holder}`.execute(db)
}

/** First statement of every deciding transaction: the row stays as it is until the commit. */
export async function assertLeader(tx: Tx, epoch: number): Promise<void> {
  const { rows } = await sql`SELECT 1 FROM leader WHERE id = 1 AND epoch = ${epoch} AND until > now() FOR SHARE`.execute(tx)
  if (rows.length === 0) throw new LostLeadership()
}
