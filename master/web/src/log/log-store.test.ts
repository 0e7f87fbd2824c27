import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LiveLine } from '../../../../protocol/wire/live.ts'
import { levelOf, LogStore } from './log-store.ts'

function line(id: number, log = `line ${id}`, level = 'INFO', rank = 0): LiveLine {
  return { id, time: '2026-11-23T21:00:00Z', level, std: 'stdout', rank, agentId: 'a1', containerId: 'c', source: '', log }
}
const range = (from: number, to: number): LiveLine[] => Array.from({ length: to - from + 1 }, (_, i) => line(from + i))
const ids = (store: LogStore): number[] => store.shown.map((row) => row.id)

describe('LogStore', () => {
  it('takes each line once, however the batches overlap (I11)', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(60), fc.nat(20)), { maxLength: 12 }), (cuts) => {
      const store = new LogStore()
      let sent = 0
      for (const [back, count] of cuts) {
        const from = Math.max(1, sent - back + 1)
        store.append(range(from, from + count))
        sent = Math.max(sent, from + count)
      }
      expect(ids(store)).toEqual(Array.from({ length: sent }, (_, i) => i + 1))
    }))
  })

  it('keeps the newest lines and says how many went', () => {
    const store = new LogStore(100)
    store.append(range(1, 90))
    store.append(range(91, 130))
    expect(store.lastId).toBe(130)
    expect(store.total).toBeLessThanOrEqual(100)
    expect(store.total + store.dropped).toBe(130)
    expect(ids(store)[0]).toBe(store.firstId)
    store.append(range(131, 1000))
    expect(store.total).toBeLessThanOrEqual(100)
    expect(store.total + store.dropped).toBe(1000)
    expect(store.shownDropped).toBe(store.dropped)
  })

  it('filters the same whether lines come before or after the filter', () => {
    const filter = { minLevel: 'WARNING', search: 'NaN', rank: 1 } as const
    const lines = [line(1, 'loss nan', 'ERROR', 1), line(2, 'loss nan', 'INFO', 1), line(3, 'loss NAN', 'WARNING', 0), line(4, 'ok', 'ERROR', 1), line(5, 'Nan!', 'WARN', 1)]
    const before = new LogStore()
    before.setFilter(filter)
    before.append(lines)
    const after = new LogStore()
    after.append(lines)
    after.setFilter(filter)
    expect(ids(before)).toEqual([1, 5])
    expect(ids(after)).toEqual([1, 5])
  })

  it('replaces the shown array only when it changes', () => {
    const store = new LogStore()
    store.setFilter({ minLevel: 'ERROR', search: '', rank: null })
    const shown = store.shown
    store.append(range(1, 3))
    expect(store.shown).toBe(shown)
    store.append([line(4, 'bad', 'ERROR')])
    expect(store.shown).not.toBe(shown)
  })

  it('holds 100,000 lines that came in batches', () => {
    const store = new LogStore()
    for (let at = 0; at < 100_000; at += 5_000) store.append(range(at + 1, at + 5_000))
    expect(store.total).toBe(100_000)
    expect(store.longest).toBe('line 100000'.length)
  })
})

it('reads levels as the wire and the API write them', () => {
  expect(['LOG_LEVEL_DEBUG', 'warn', 'error', 'FATAL', '', 'weird'].map(levelOf)).toEqual(['DEBUG', 'WARNING', 'ERROR', 'CRITICAL', 'INFO', 'INFO'])
})
