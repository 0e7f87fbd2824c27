import { expect, test } from 'vitest'
import { createRecentLog } from './recent-log.ts'

const record = (text: string, more: object = {}): string => `${JSON.stringify({ level: 40, time: '2026-01-01T00:00:00.000Z', name: 'drover-master', ...more, msg: text })}\n`

test('records are numbered from one and read from any number', () => {
  const log = createRecentLog()
  expect([log.newest(), log.since(0, 10)]).toEqual([0, []])
  for (const text of ['a', 'b', 'c']) log.take(record(text, { agent: 'x' }))
  expect(log.since(1, 1)).toEqual([{ id: 2, at: '2026-01-01T00:00:00.000Z', level: 'warn', text: 'b {"agent":"x"}' }])
  expect(log.since(3, 10)).toEqual([])
})

test('the oldest are forgotten, numbers stay; a line that was cut or is no record is told as it is', () => {
  const log = createRecentLog()
  for (let i = 0; i < 12_000; i += 1) log.take(record(`line ${i}`))
  expect(log.newest()).toBe(12_000)
  const all = log.since(0, 100_000)
  expect(all.length).toBeLessThanOrEqual(5_500)
  expect(all.at(-1)).toMatchObject({ id: 12_000, text: 'line 11999' })
  log.take(record('x'.repeat(20_000)))
  log.take('no record\n')
  expect(log.since(12_000, 2).map((entry) => [entry.id, entry.text.length > 4_096, entry.text.slice(0, 9)])).toEqual([[12_001, false, '{"level":'], [12_002, false, 'no record']])
})
