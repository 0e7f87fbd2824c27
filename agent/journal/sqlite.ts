import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { AgentEvent, NewAgentEvent } from '../../protocol/wire/events.ts'
import type { Journal, JournalAllocation, JournalCheckpoint, JournalTransaction, Outbox } from './door.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS allocations (alloc TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS epochs (task TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS checkpoints (alloc TEXT NOT NULL, uuid TEXT NOT NULL, ordinal INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (alloc, uuid)) STRICT;
CREATE TABLE IF NOT EXISTS files (alloc TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL) STRICT;
`

/**
 * Opens `<dir>/journal.db`. A file that cannot be read is set aside and a new one begun with a higher `inc`, which is
 * kept in a file of its own: the master then starts a new cursor and containers are adopted from Docker's labels.
 */
export function openJournal(dir: string, onSetAside: (error: unknown) => void): Journal & { close(): void } {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, 'journal.db')
  let inc = readInc(dir)
  let db: DatabaseSync
  try {
    if (inc === 0 && existsSync(path)) throw new Error('the life number of the journal is lost')
    db = open(path)
  } catch (error) {
    onSetAside(error)
    for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, `${path}.bad-${inc}${end}`)
    inc += 1
    writeInc(dir, inc)
    db = open(path)
  }
  if (inc === 0) writeInc(dir, (inc = 1))
  return build(db, inc)
}

function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
  const found = db.prepare('PRAGMA quick_check').all() as { quick_check: string }[]
  if (found[0]?.quick_check !== 'ok') {
    db.close()
    throw new Error(`journal is damaged: ${found[0]?.quick_check ?? 'unreadable'}`)
  }
  db.exec(SCHEMA)
  return db
}

function readInc(dir: string): number {
  const path = join(dir, 'inc')
  if (!existsSync(path)) return 0
  const found = Number(readFileSync(path, 'utf8'))
  return Number.isSafeInteger(found) && found > 0 ? found : 0
}

function writeInc(dir: string, inc: number): void {
  rmSync(join(dir, 'inc.new'), { force: true })
  writeFileSync(join(dir, 'inc.new'), String(inc), { flush: true, mode: 0o600 })
  renameSync(join(dir, 'inc.new'), join(dir, 'inc'))
}

function build(db: DatabaseSync, inc: number): Journal & { close(): void } {
  const outbox = buildOutbox(db)
  const sql = {
    allocations: db.prepare('SELECT row FROM allocations ORDER BY alloc'),
    allocation: db.prepare('SELECT row FROM allocations WHERE alloc = ?'),
    putAllocation: db.prepare('INSERT INTO allocations (alloc, row) VALUES (?, ?) ON CONFLICT (alloc) DO UPDATE SET row = excluded.row'),
    putEpoch: db.prepare('INSERT INTO epochs (task, epoch) VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET epoch = max(epoch, excluded.epoch)'),
    epoch: db.prepare('SELECT epoch FROM epochs WHERE task = ?'),
    removeAllocation: db.prepare('DELETE FROM allocations WHERE alloc = ?'),
    removeCheckpoints: db.prepare('DELETE FROM checkpoints WHERE alloc = ?'),
    removeFile: db.prepare('DELETE FROM files WHERE alloc = ?'),
    checkpoints: db.prepare('SELECT row FROM checkpoints WHERE alloc = ? ORDER BY ordinal'),
    putCheckpoint: db.prepare('INSERT INTO checkpoints (alloc, uuid, ordinal, row) VALUES (?, ?, ?, ?) ON CONFLICT (alloc, uuid) DO UPDATE SET row = excluded.row'),
    file: db.prepare('SELECT cursor FROM files WHERE alloc = ?'),
    putFile: db.prepare('INSERT INTO files (alloc, cursor) VALUES (?, ?) ON CONFLICT (alloc) DO UPDATE SET cursor = excluded.cursor'),
    meta: db.prepare('SELECT value FROM meta WHERE key = ?'),
    putMeta: db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
  }
  const parse = <T>(row: unknown): T => JSON.parse((row as { row: string }).row) as T
  const putAllocation = (row: JournalAllocation): void => {
    sql.putAllocation.run(row.alloc, JSON.stringify(row))
    sql.putEpoch.run(row.alloc.slice(0, row.alloc.lastIndexOf('.')), row.epoch)
  }
  const putCheckpoint = (row: JournalCheckpoint): void => void sql.putCheckpoint.run(row.alloc, row.uuid, row.ordinal, JSON.stringify(row))
  const tx: JournalTransaction = { putAllocation, putCheckpoint, setFileCursor: (alloc, offset) => void sql.putFile.run(alloc, offset), append: (event) => void outbox.insert(event) }
  const atomically = <T>(body: () => T): T => {
    db.exec('BEGIN IMMEDIATE')
    try {
      const result = body()
      db.exec('COMMIT')
      return result
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }
  return {
    inc,
    allocations: () => sql.allocations.all().map(parse<JournalAllocation>),
    allocation: (alloc) => {
      const row = sql.allocation.get(alloc)
      return row ? parse<JournalAllocation>(row) : null
    },
    putAllocation: (row) => atomically(() => putAllocation(row)),
    removeAllocation: (alloc) =>
      atomically(() => {
        sql.removeAllocation.run(alloc)
        sql.removeCheckpoints.run(alloc)
        sql.removeFile.run(alloc)
      }),
    highestEpoch: (task) => (sql.epoch.get(task) as { epoch: number } | undefined)?.epoch ?? 0,
    checkpoints: (alloc) => sql.checkpoints.all(alloc).map(parse<JournalCheckpoint>),
    putCheckpoint,
    fileCursor: (alloc) => (sql.file.get(alloc) as { cursor: number } | undefined)?.cursor ?? 0,
    getMeta: (key) => (sql.meta.get(key) as { value: string } | undefined)?.value ?? null,
    setMeta: (key, value) => void sql.putMeta.run(key, value),
    transaction: (body) => {
      const result = atomically(() => body(tx))
      outbox.announce()
      return result
    },
    outbox,
    close: () => db.close(),
  }
}

function buildOutbox(db: DatabaseSync): Outbox & { insert(event: NewAgentEvent): number; announce(): void } {
  const insert = db.prepare('INSERT INTO outbox (entry) VALUES (?)')
  const after = db.prepare('SELECT seq, entry FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?')
  const remove = db.prepare('DELETE FROM outbox WHERE seq <= ?')
  const count = db.prepare('SELECT count(*) AS n FROM outbox')
  const listeners: (() => void)[] = []
  const announce = (): void => listeners.forEach((listener) => listener())
  const put = (event: NewAgentEvent): number => Number(insert.run(JSON.stringify(event)).lastInsertRowid)
  return {
    insert: put,
    announce,
    append(event) {
      const seq = put(event)
      announce()
      return seq
    },
    after: (seq, limit) => (after.all(seq, limit) as { seq: number; entry: string }[]).map((row) => ({ ...(JSON.parse(row.entry) as NewAgentEvent), seq: row.seq }) as AgentEvent),
    acknowledge: (seq) => void remove.run(seq),
    depth: () => (count.get() as { n: number }).n,
    onAppend: (listener) => void listeners.push(listener),
  }
}
