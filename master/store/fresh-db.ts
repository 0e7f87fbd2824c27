import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { migrate, openDb, type Db } from './db.ts'

/** For tests: a database of its own, with all tables, dropped at the end. Null without DROVER_TEST_PG. */
export interface FreshDb {
  db: Db
  url: string
  drop(): Promise<void>
}

export const PG_ADMIN_URL = process.env['DROVER_TEST_PG']
if (!PG_ADMIN_URL) process.stderr.write('DROVER_TEST_PG is not set: tests that need Postgres are skipped\n')

export async function freshDb(): Promise<FreshDb> {
  if (!PG_ADMIN_URL) throw new Error('DROVER_TEST_PG is not set')
  const name = `drover_test_${randomUUID().replaceAll('-', '')}`
  await admin(`CREATE DATABASE ${name}`)
  const url = new URL(PG_ADMIN_URL)
  url.pathname = `/${name}`
  const db = openDb(url.href, { max: 8, applicationName: 'drover-test', onError: () => undefined })
  await migrate(db)
  return {
    db, url: url.href,
    async drop() {
      await db.destroy()
      await admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

async function admin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: PG_ADMIN_URL })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
