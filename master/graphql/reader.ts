import { sql } from 'kysely'
import type { Db } from '../store/db.ts'

/** Reads the public views, and nothing else in the database. One for the whole server: roles are not of one database. */
export const READER = 'drover_reader'

/** The database's user may not make the role that GraphQL reads with; the message names the cure. */
export class NoReader extends Error {
  override readonly name = 'NoReader'
}

/** Makes the role where it is missing, and lets it read the views of this database. Throws NoReader. */
export async function ensureReader(db: Db): Promise<void> {
  try {
    // two masters at once: the second finds it made
    await sql.raw(`DO $$ BEGIN CREATE ROLE ${READER} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`).execute(db)
    await sql.raw(`DO $$ BEGIN IF NOT pg_has_role(current_user, '${READER}', 'SET') THEN EXECUTE 'GRANT ${READER} TO ' || quote_ident(current_user); END IF; END $$`).execute(db)
    await sql.raw(`GRANT USAGE ON SCHEMA drover_public TO ${READER}; GRANT SELECT ON ALL TABLES IN SCHEMA drover_public TO ${READER}`).execute(db)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '42501')) throw error
    const cure = `as an administrator of Postgres run: CREATE ROLE ${READER} NOLOGIN; GRANT ${READER} TO <the master's user>`
    throw new NoReader(`GraphQL reads with a role of its own, and the master's database user may not make it: ${cure}`, { cause: error })
  }
}
