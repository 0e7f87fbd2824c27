import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { JOURNAL_VERSION, makeTables } from './tables.ts'

export interface OpenedJournal {
  db: DatabaseSync
  inc: number
}

/**
 * Opens `<dir>/journal.db`. A file that cannot be trusted is set aside and a new one made with the life number
 * raised; the number is kept in a file of its own, written first, so that it also survives the loss of the database.
 *
 * Rollback journal, not WAL: a commit then lives in the main file, whose header says how long it must be, so a
 * file cut anywhere is noticed. A cut WAL would lose its newest commits in silence.
 */
export function openDatabase(dir: string, onDamage: (error: unknown) => void): OpenedJournal {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, 'journal.db')
  const remembered = readInc(join(dir, 'journal.inc'))
  const known = tryOpen(path, onDamage)
  if (known !== null && known.inc >= remembered) {
    if (known.inc > remembered) writeDurably(join(dir, 'journal.inc'), String(known.inc))
    return known
  }
  known?.db.close()
  const inc = remembered + 1
  writeDurably(join(dir, 'journal.inc'), String(inc))
  setAside(path, inc)
  return { db: create(path, inc), inc }
}

/** Null where there is no file, or none that can be trusted. */
function tryOpen(path: string, onDamage: (error: unknown) => void): { db: DatabaseSync; inc: number } | null {
  if (!existsSync(path)) return null
  let db: DatabaseSync | null = null
  try {
    db = openFile(path)
    const inc = check(db)
    return { db, inc }
  } catch (error) {
    onDamage(error)
    if (db?.isOpen) db.close()
    return null
  }
}

/** Returns the life number; throws where the file is not a whole journal of this version. */
function check(db: DatabaseSync): number {
  const version = db.prepare('PRAGMA user_version').get()?.['user_version']
  if (version !== JOURNAL_VERSION) throw new Error(`journal version ${String(version)} is not ${JOURNAL_VERSION}`)
  const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (verdict !== 'ok') throw new Error(`journal check: ${String(verdict)}`)
  for (const { row } of db.prepare('SELECT row FROM allocations UNION ALL SELECT row FROM checkpoints UNION ALL SELECT body FROM outbox').iterate()) JSON.parse(String(row))
  const inc = Number(db.prepare(`SELECT value FROM meta WHERE key = 'inc'`).get()?.['value'])
  if (!Number.isInteger(inc) || inc < 1) throw new Error('journal holds no life number')
  return inc
}

function create(path: string, inc: number): DatabaseSync {
  const db = openFile(path)
  makeTables(db)
  db.prepare(`INSERT INTO meta (key, value) VALUES ('inc', ?), ('lost', ?)`).run(String(inc), inc > 1 ? 'yes' : 'no')
  fsyncPath(dirname(path))
  return db
}

function openFile(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY;')
  return db
}

/** Keeps the untrusted file for a person to look at; one only, so that it never fills the disk. */
function setAside(path: string, inc: number): void {
  for (const name of readdirSync(dirname(path))) if (name.startsWith('journal.db.before-')) rmSync(join(dirname(path), name))
  if (existsSync(path)) renameSync(path, `${path}.before-${inc}`)
  for (const suffix of ['-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

function readInc(path: string): number {
  if (!existsSync(path)) return 0
  const inc = Number(readFileSync(path, 'utf8').trim())
  return Number.isInteger(inc) && inc >= 0 ? inc : 0
}

function writeDurably(path: string, text: string): void {
  const fresh = `${path}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, path)
  fsyncPath(dirname(path))
}

function fsyncPath(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
