import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { aRow } from '../plan/world.fixture.ts'
import { openJournal, type SqliteJournal } from './sqlite.ts'

let dir: string
let journal: SqliteJournal
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-journal-'))
  journal = openJournal(dir, (error) => { throw error })
})
afterEach(() => {
  journal.close()
  rmSync(dir, { recursive: true })
})
function reopen(): void {
  journal.close()
  journal = openJournal(dir, (error) => { throw error })
}
const drained = (alloc: string) => ({ kind: 'drained' as const, alloc, t: 1 })

describe('allocations', () => {
  test('are there after a restart', () => {
    const row = aRow({ phase: 'started', containerId: 'abc', preemptAt: 5 })
    journal.putAllocation(row)
    reopen()
    expect(journal.inc).toBe(1)
    expect(journal.lost).toBe(false)
    expect(journal.allocation('trial-1.1')).toEqual(row)
    expect(journal.allocations()).toEqual([row])
  })
  test('removed with all that belongs to them; the highest epoch stays (I3)', () => {
    journal.transaction((tx) => {
      tx.putAllocation(aRow({ alloc: 'trial-1.4' }))
      tx.putCheckpoint({ alloc: 'trial-1.4', uuid: 'u', ordinal: 1, steps: 5, directory: 'step-5', state: 'declared' })
      tx.setFileCursor('trial-1.4', 77)
    })
    expect(journal.fileCursor('trial-1.4')).toBe(77)
    journal.removeAllocation('trial-1.4')
    reopen()
    expect([journal.allocations(), journal.checkpoints('trial-1.4'), journal.fileCursor('trial-1.4'), journal.highestEpoch('trial-1')]).toEqual([[], [], 0, 4])
  })
  test('an epoch never goes down', () => {
    journal.putAllocation(aRow({ alloc: 'trial-1.4' }))
    journal.putAllocation(aRow({ alloc: 'trial-1.2' }))
    journal.raiseEpoch('trial-1', 3)
    expect(journal.highestEpoch('trial-1')).toBe(4)
  })
})

describe('checkpoints', () => {
  test('in order of their ordinal, updated in place', () => {
    const of = (ordinal: number, state: 'declared' | 'uploaded') => ({ alloc: 'trial-1.1', uuid: `u${ordinal}`, ordinal, steps: ordinal, directory: `step-${ordinal}`, state })
    for (const row of [of(10, 'declared'), of(2, 'declared'), of(10, 'uploaded')]) journal.putCheckpoint(row)
    expect(journal.checkpoints('trial-1.1')).toEqual([of(2, 'declared'), of(10, 'uploaded')])
  })
})

describe('outbox', () => {
  test('gives contiguous numbers, also over deletes and restarts', () => {
    expect([journal.outbox.append(drained('a.1')), journal.outbox.append(drained('a.2'))]).toEqual([1, 2])
    journal.outbox.acknowledge(2)
    reopen()
    expect(journal.outbox.append(drained('a.3'))).toBe(3)
    expect(journal.outbox.after(0, 10)).toEqual([{ ...drained('a.3'), seq: 3 }])
    expect(journal.outbox.depth()).toBe(1)
  })
  test('a transaction that throws leaves nothing, not even a gap', () => {
    const heard = vi.fn()
    journal.outbox.onAppend(heard)
    expect(() => journal.transaction((tx) => {
      tx.append(drained('a.1'))
      tx.putAllocation(aRow())
      throw new Error('no')
    })).toThrow('no')
    expect([journal.outbox.depth(), journal.allocations().length, heard.mock.calls.length]).toEqual([0, 0, 0])
    expect(journal.outbox.append(drained('a.2'))).toBe(1)
  })
  test('wakes after the commit, once a transaction', () => {
    const depths: number[] = []
    journal.outbox.onAppend(() => depths.push(journal.outbox.depth()))
    journal.transaction((tx) => {
      tx.append(drained('a.1'))
      tx.append(drained('a.2'))
    })
    expect(depths).toEqual([2])
  })
  test('an entry that may go later wakes nobody, and is there for the next sending', () => {
    const heard = vi.fn()
    journal.outbox.onAppend(heard)
    journal.transaction((tx) => tx.append(drained('a.1'), true))
    expect([heard.mock.calls.length, journal.outbox.depth()]).toEqual([0, 1])
    journal.transaction((tx) => {
      tx.append(drained('a.2'))
      tx.append(drained('a.3'), true)
    })
    expect(heard).toHaveBeenCalledTimes(1)
  })
  test('limits what it returns, and refuses what could never be sent', () => {
    for (let i = 1; i <= 5; i += 1) journal.outbox.append(drained(`a.${i}`))
    expect(journal.outbox.after(2, 2).map((event) => event.seq)).toEqual([3, 4])
    expect(() => journal.outbox.append({ kind: 'note', alloc: 'a.1', t: 1, level: 'INFO', text: 'x'.repeat(900_000) })).toThrow(RangeError)
  })
})
