import { sql } from 'kysely'
import { cleanText } from './clean.ts'
import type { Tx } from './leader.ts'

/** What a person must know until it is over. Returns whether it is new: then an event goes with it. */
export async function raiseAlarm(tx: Tx, key: string, text: string): Promise<boolean> {
  const { rows } = await sql<{ fresh: boolean }>`INSERT INTO alarms AS a (key, text) VALUES (${key}, ${cleanText(text)})
    ON CONFLICT (key) DO UPDATE SET text = excluded.text RETURNING xmax = 0 AS fresh`.execute(tx)
  return rows[0]?.fresh ?? false
}

/** Returns whether there was one. */
export async function clearAlarm(tx: Tx, key: string): Promise<boolean> {
  const result = await tx.deleteFrom('alarms').where('key', '=', key).executeTakeFirst()
  return result.numDeletedRows > 0n
}
