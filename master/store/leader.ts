import { sql, type Transaction } from 'kysely'
import type { Db } from './db.ts'
import type { Database } from './schema.ts'

export type Tx = Transaction<Database>

/** How long a leader that died silently keeps others out. Safety never depends on it: every deciding transaction checks the epoch. */
export const LEADER_TTL_SECONDS = 5

/** Thrown in a deciding transaction of a master that is no longer the leader: everything it decided is dropped. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError'
}

/**
 * Takes or keeps the leader row by compare-and-set with the database's time. Returns the epoch held, or null while
 * another master holds it. The epoch grows whenever the holder changes.
 */
export async function acquireLeader(db: Db, holder: string): Promise<number | null> {
  const { rows } = await sql<{ epoch: number }>`
    INSERT INTO leader AS l (id, epoch, holder, until) VALUES (1, 1, ${holder}, clock_timestamp() + make_interval(secs => ${LEADER_TTL_SECONDS}))
    ON CONFLICT (id) DO UPDATE SET
      epoch = CASE WHEN l.holder = excluded.holder THEN l.epoch ELSE l.epoch + 1 END,
      holder = excluded.holder, until = excluded.until
    WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
    RETURNING epoch`.execute(db)
  return rows[0]?.epoch ?? null
}

/** Gives the row up at a clean stop, so that the next master need not wait. */
export async function releaseLeader(db: Db, holder: string): Promise<void> {
  await sql`UPDATE leader SET until = clock_timestamp() - interval '1 second', holder = '' WHERE holder = ${holder}`.execute(db)
}

/** First statement of every deciding transaction; the shared lock keeps the row from changing until the commit. */
export async function assertLeader(tx: Tx, epoch: number): Promise<void> {
  const { rows } = await sql`SELECT 1 FROM leader WHERE id = 1 AND epoch = ${epoch} FOR SHARE`.execute(tx)
  if (rows.length === 0) throw new NotLeaderError(`leader epoch ${epoch} is over`)
}
