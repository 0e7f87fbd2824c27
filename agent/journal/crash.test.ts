import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aRow } from '../plan/world.fixture.ts'
import { openJournal } from './sqlite.ts'

const EVENTS = 40
let source: string
let scratch: string

beforeAll(() => {
  source = mkdtempSync(join(tmpdir(), 'drover-journal-'))
  scratch = mkdtempSync(join(tmpdir(), 'drover-journal-'))
  const journal = openJournal(source, (error) => { throw error })
  journal.putAllocation(aRow({ phase: 'started', containerId: 'abc', spec: { env: { FILL: 'x'.repeat(9_000) } } }))
  for (let i = 1; i <= EVENTS; i += 1) journal.outbox.append({ kind: 'note', alloc: 'trial-1.1', t: i, level: 'INFO', text: `line ${i} ${'y'.repeat(i * 13)}` })
  journal.close()
})
afterAll(() => {
  for (const dir of [source, scratch]) rmSync(dir, { recursive: true })
})

function copy(): void {
  rmSync(scratch, { recursive: true })
  const fresh = mkdtempSync(join(tmpdir(), 'drover-journal-'))
  scratch = fresh
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(scratch, name))
}

/** Opens, and holds to the promise: everything is there, or the life number says that it is not; and it can be written. */
function mustBeWholeOrRaised(): number {
  const journal = openJournal(scratch, () => undefined)
  if (journal.inc === 1) {
    expect(journal.outbox.after(0, 1000).map((event) => event.seq)).toEqual(Array.from({ length: EVENTS }, (_, i) => i + 1))
    expect(journal.allocation('trial-1.1')?.containerId).toBe('abc')
  } else {
    expect([journal.inc, journal.lost, journal.outbox.depth()]).toEqual([2, true, 0])
  }
  expect(journal.outbox.append({ kind: 'drained', alloc: 'trial-1.1', t: 1 })).toBe(journal.inc === 1 ? EVENTS + 1 : 1)
  const { inc } = journal
  journal.close()
  const again = openJournal(scratch, () => undefined)
  expect(again.inc).toBe(inc)
  again.close()
  return inc
}

describe('a journal file that was damaged', () => {
  test('cut anywhere: never a crash, never a lost record without a new life number (F44)', () => {
    const size = statSync(join(source, 'journal.db')).size
    const offsets = new Set([0, 1, 15, 16, 17, 99, 100, 101, 511, 512, 4095, 4096, 4097, size - 1, size])
    for (let at = 0; at < size; at += 1 + Math.floor(size / 120)) offsets.add(at)
    const incs = new Set<number>()
    for (const at of offsets) {
      copy()
      truncateSync(join(scratch, 'journal.db'), at)
      incs.add(mustBeWholeOrRaised())
    }
    expect([...incs].sort()).toEqual([1, 2])
  })

  test('grown by a torn write: still whole', () => {
    copy()
    writeFileSync(join(scratch, 'journal.db'), Buffer.concat([readFileSync(join(scratch, 'journal.db')), Buffer.alloc(1_000, 7)]))
    mustBeWholeOrRaised()
  })

  test('any page of it overwritten with noise: never a crash', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 4096 }), fc.integer({ min: 0, max: 255 }), (page, length, byte) => {
        copy()
        const path = join(scratch, 'journal.db')
        const bytes = readFileSync(path)
        const at = (page * 4096) % bytes.length
        bytes.fill(byte, at, Math.min(at + length, bytes.length))
        writeFileSync(path, bytes)
        const journal = openJournal(scratch, () => undefined)
        journal.outbox.after(0, 1000)
        journal.allocations()
        journal.close()
      }),
      { numRuns: 60 },
    )
  })

  test('removed: the life number is remembered apart from it', () => {
    copy()
    rmSync(join(scratch, 'journal.db'))
    expect(mustBeWholeOrRaised()).toBe(2)
  })

  test('the damaged file is kept for a person', () => {
    copy()
    truncateSync(join(scratch, 'journal.db'), 5_000)
    openJournal(scratch, () => undefined).close()
    expect(existsSync(join(scratch, 'journal.db.before-2'))).toBe(true)
  })

  test('an older copy of it put back: its life number is behind, so it counts for nothing', () => {
    copy()
    truncateSync(join(scratch, 'journal.db'), 0)
    openJournal(scratch, () => undefined).close()
    copyFileSync(join(source, 'journal.db'), join(scratch, 'journal.db'))
    const journal = openJournal(scratch, () => undefined)
    expect(journal.inc).toBe(3)
    journal.close()
  })
})
