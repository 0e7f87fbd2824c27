import { sql } from 'kysely'
import type { Db } from '../store/db.ts'

/** Reads the public views, and nothing else in the database. One for the whole server: roles are not of one database. */
export const READER = 'drover_reader'

/** The database's user may not make the role that GraphQL reads with; the message names the cure. */
export class NoReader extends Error {
  override readonly name = 'NoReader'
}

/**
 * Makes the role where it is missing, and lets it read the views of this database; asks for nothing that is there already, so that a user who may
 * make no roles goes on with one that an administrator made. Two masters at once wait for each other; another database's finds the role made. Throws NoReader.
 */
export async function ensureReader(db: Db): Promise<void> {
  try {
    await sql.raw(ENSURE).execute(db)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '42501')) throw error
    const { rows } = await sql<{ name: string }>`SELECT quote_ident(current_user) AS name`.execute(db)
    const cure = `as an administrator of Postgres run: CREATE ROLE ${READER} NOLOGIN; GRANT ${READER} TO ${rows[0]?.name ?? 'the master\'s user'}`
    throw new NoReader(`GraphQL reads with a role of its own, and the master's database user may not make it: ${cure} (leave out what is there already); no restart is needed`, { cause: error })
  }
}

// Postgres 16 tells apart who is a member and who may become the role
const ENSURE = `
DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('${READER}'));
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${READER}') THEN
    BEGIN CREATE ROLE ${READER} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  END IF;
  IF NOT pg_has_role(current_user, '${READER}', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE 'GRANT ${READER} TO ' || quote_ident(current_user);
  END IF;
  IF NOT has_schema_privilege('${READER}', 'drover_public', 'USAGE') THEN
    GRANT USAGE ON SCHEMA drover_public TO ${READER};
  END IF;
  IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'drover_public'::regnamespace AND relkind = 'v' AND NOT has_table_privilege('${READER}', oid, 'SELECT')) THEN
    GRANT SELECT ON ALL TABLES IN SCHEMA drover_public TO ${READER};
  END IF;
END $$`
