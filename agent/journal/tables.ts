import type { DatabaseSync } from 'node:sqlite'

/** Raised with each change of the tables; a file of another version is set aside like a corrupt one. */
export const JOURNAL_VERSION = 1

/**
 * Rows are JSON of their types in `door.ts`. `outbox.seq` is contiguous from 1: AUTOINCREMENT never gives a number
 * twice, and a rolled back transaction gives its numbers back.
 */
export function makeTables(db: DatabaseSync): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE allocations (alloc TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE epochs (task TEXT PRIMARY KEY, highest INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE checkpoints (alloc TEXT NOT NULL, ordinal INTEGER NOT NULL, uuid TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (alloc, uuid)) WITHOUT ROWID;
    CREATE TABLE cursors (alloc TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
    PRAGMA user_version = ${JOURNAL_VERSION};
    COMMIT;
  `)
}
