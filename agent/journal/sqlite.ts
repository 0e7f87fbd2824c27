import type { DatabaseSync } from 'node:sqlite'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { Journal, JournalAllocation, JournalCheckpoint, JournalTransaction } from './door.ts'
import { openDatabase } from './open.ts'
import { createOutbox } from './outbox.ts'

export interface SqliteJournal extends Journal {
  /** What an earlier file held is lost, and `recovered` was not yet called: epochs must be raised from what is on the host. */
  readonly lost: boolean
  recovered(): void
  raiseEpoch(task: string, epoch: number): void
  close(): void
}

/** `dir` is made where it is missing; `onDamage` hears why an earlier file was set aside. Throws where the disk cannot be written. */
export function openJournal(dir: string, onDamage: (error: unknown) => void): SqliteJournal {
  const { db, inc } = openDatabase(dir, onDamage)
  const outbox = createOutbox(db)
  const rows = rowStatements(db)
  const write = <T>(body: () => T): T => inTransaction(db, body)
  return {
    inc,
    lost: rows.getMeta.get('lost')?.['value'] === 'yes',
    recovered: () => void rows.setMeta.run('lost', 'no'),
    outbox,
    allocations: () => rows.all.all().map((row) => JSON.parse(String(row['row'])) as JournalAllocation),
    allocation: (alloc) => {
      const row = rows.one.get(alloc)
      return row ? (JSON.parse(String(row['row'])) as JournalAllocation) : null
    },
    putAllocation: (row) => write(() => rows.putAllocation(row)),
    removeAllocation: (alloc) => write(() => rows.remove(alloc)),
    highestEpoch: (task) => Number(rows.highest.get(task)?.['highest'] ?? 0),
    raiseEpoch: (task, epoch) => void rows.raise.run(task, epoch),
    checkpoints: (alloc) => rows.checkpoints.all(alloc).map((row) => JSON.parse(String(row['row'])) as JournalCheckpoint),
    putCheckpoint: (row) => rows.putCheckpoint(row),
    fileCursor: (alloc) => Number(rows.cursor.get(alloc)?.['offset'] ?? 0),
    getMeta: (key) => {
      const value = rows.getMeta.get(key)?.['value']
      return value === undefined ? null : String(value)
    },
    setMeta: (key, value) => void rows.setMeta.run(key, value),
    transaction: (body) => {
      let appended = false
      const tx: JournalTransaction = {
        putAllocation: rows.putAllocation,
        putCheckpoint: rows.putCheckpoint,
        setFileCursor: (alloc, offset) => void rows.setCursor.run(alloc, offset),
        setMeta: (key, value) => void rows.setMeta.run(key, value),
        append: (event, later = false) => {
          outbox.insert(event)
          appended ||= !later
        },
      }
      const result = write(() => body(tx))
      if (appended) outbox.announce()
      return result
    },
    close: () => db.close(),
  }
}

function rowStatements(db: DatabaseSync) {
  const put = db.prepare('INSERT INTO allocations (alloc, row) VALUES (?, ?) ON CONFLICT (alloc) DO UPDATE SET row = excluded.row')
  const raise = db.prepare('INSERT INTO epochs (task, highest) VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET highest = max(highest, excluded.highest)')
  const putCheckpoint = db.prepare('INSERT INTO checkpoints (alloc, ordinal, uuid, row) VALUES (?, ?, ?, ?) ON CONFLICT (alloc, uuid) DO UPDATE SET row = excluded.row')
  const removals = ['allocations', 'checkpoints', 'cursors'].map((table) => db.prepare(`DELETE FROM ${table} WHERE alloc = ?`))
  return {
    all: db.prepare('SELECT row FROM allocations ORDER BY alloc'),
    one: db.prepare('SELECT row FROM allocations WHERE alloc = ?'),
    highest: db.prepare('SELECT highest FROM epochs WHERE task = ?'),
    raise,
    checkpoints: db.prepare('SELECT row FROM checkpoints WHERE alloc = ? ORDER BY ordinal'),
    cursor: db.prepare('SELECT offset FROM cursors WHERE alloc = ?'),
    setCursor: db.prepare('INSERT INTO cursors (alloc, offset) VALUES (?, ?) ON CONFLICT (alloc) DO UPDATE SET offset = excluded.offset'),
    getMeta: db.prepare('SELECT value FROM meta WHERE key = ?'),
    setMeta: db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
    putCheckpoint: (row: JournalCheckpoint): void => void putCheckpoint.run(row.alloc, row.ordinal, row.uuid, JSON.stringify(row)),
    putAllocation: (row: JournalAllocation): void => {
      const id = parseAllocationId(row.alloc)
      if (id === null) throw new RangeError(`allocation id ${JSON.stringify(row.alloc.slice(0, 80))} is not <task>.<epoch>`)
      put.run(row.alloc, JSON.stringify(row))
      raise.run(id.task, id.epoch)
    },
    /** The highest epoch of the task stays: it is what fences late starts (I3). */
    remove: (alloc: string): void => {
      for (const statement of removals) statement.run(alloc)
    },
  }
}

function inTransaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = body()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
