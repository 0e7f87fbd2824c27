import { Kysely, Migrator, PostgresDialect, sql, type Migration } from 'kysely'
import pg from 'pg'
import * as init from './migrations/0001-init.ts'
import * as ec2 from './migrations/0002-ec2.ts'
import * as loss from './migrations/0003-loss.ts'
import * as gang from './migrations/0004-gang.ts'
import * as harness from './migrations/0009-harness.ts'
import * as search from './migrations/0006-search.ts'
import * as things from './migrations/0007-things.ts'
import * as views from './migrations/0008-views.ts'
import * as hiddenKeys from './migrations/0015-hidden-keys.ts'
import { prepareStatements } from './prepared.ts'
import type { Database } from './schema.ts'

export type Db = Kysely<Database>

/** Applied in this order, each once, each in a transaction. A name is never reused. */
const MIGRATIONS: Readonly<Record<string, { up: string }>> = {
  '0001-init': init,
  '0002-ec2': ec2,
  '0003-loss': loss,
  '0004-gang': gang,
  '0006-search': search,
  '0007-things': things,
  '0008-views': views,
  '0009-harness': harness,
  '0015-hidden-keys': hiddenKeys,
}

pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/**
 * A process that stands still, or whose host is gone, in the middle of a transaction keeps its locks no longer than this: that
 * on the leader's row among them, for which the next leader waits (F15).
 */
const STANDSTILL_MS = 5_000

/** Pool of at most `max` connections; statements are cut off after 30 s. Connections that are cut go to `onError`. */
export function openDb(url: string, options: { max: number; applicationName: string; onError: (error: Error) => void }): Db {
  const pool = new pg.Pool({ connectionString: url, max: options.max, application_name: options.applicationName, statement_timeout: 30_000, idle_in_transaction_session_timeout: STANDSTILL_MS, connectionTimeoutMillis: 5_000, keepAlive: true })
  pool.on('error', options.onError)
  // a connection that is cut between two statements of a transaction has no other listener: without one the process dies
  pool.on('connect', (client) => {
    client.on('error', options.onError)
    prepareStatements(client)
  })
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}

/** Brings the tables to the newest version; two masters that start together wait for each other. */
export async function migrate(db: Db): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(toMigrations()) } })
  const { error } = await migrator.migrateToLatest()
  if (error) throw new Error('the database could not be brought to the newest version', { cause: error })
}

function toMigrations(): Record<string, Migration> {
  const entries = Object.entries(MIGRATIONS).map(([name, { up }]) => [name, { up: (db: Kysely<unknown>) => sql.raw(up).execute(db).then(() => undefined) }])
  return Object.fromEntries(entries) as Record<string, Migration>
}
