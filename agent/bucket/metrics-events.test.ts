import fc from 'fast-check'
import Value from 'typebox/value'
import { expect, test } from 'vitest'
import { AgentEvent } from '../../protocol/wire/events.ts'
import { NOTES_MAX, metricsEvents } from './metrics-events.ts'
import { parseMetricsLine } from './metrics-line.ts'

const count = { alloc: 'trial-1.1', line: 0, notes: 0 }

test.each([
  ['{"steps": 1, "values": {"loss": 0.5}}', { ok: true, report: { group: 'training', steps: 1, values: { loss: 0.5 } }, progress: null }],
  ['{"steps": 100, "group": "validation", "values": {"a": {"b": [1]}}, "progress": 0.25}', { ok: true, report: { group: 'validation', steps: 100, values: { a: { b: [1] } } }, progress: 0.25 }],
  ['{"progress": 1}', { ok: true, report: null, progress: 1 }],
  ['{"steps": 2, "values": {"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": "NaN is -Infinity"}}', { ok: true, report: { group: 'training', steps: 2, values: { a: 'NaN', b: 'Infinity', c: '-Infinity', d: 'Infinity', e: 'NaN is -Infinity' } }, progress: null }],
  ['{"steps": 3, "values": {"a\\u0000b": "c\\u0000d"}}', { ok: true, report: { group: 'training', steps: 3, values: { ab: 'cd' } }, progress: null }],
])('%s is taken', (line, expected) => {
  expect(parseMetricsLine(line)).toEqual(expected)
})

test.each([
  ['loss=0.5', 'not JSON'],
  ['[1]', 'JSON object'],
  ['{"values": {}}', '"steps" must be a whole number'],
  ['{"steps": 1.5, "values": {}}', 'not 1.5'],
  ['{"steps": -1, "values": {}}', 'not -1'],
  ['{"steps": NaN, "values": {}}', 'not "NaN"'],
  ['{"steps": 1}', '"values" must be an object'],
  ['{"steps": 1, "values": [1]}', 'not [1]'],
  ['{"steps": 1, "group": "", "values": {}}', '"group"'],
  ['{"steps": 1, "values": {}, "progress": 2}', '"progress" must be a number from 0 to 1'],
  [`{"steps": 1, "values": {"a": ${'['.repeat(100)}${']'.repeat(100)}}}`, 'nested deeper'],
  [`{"steps": 1, "values": {"a": ${'['.repeat(100_000)}`, 'not JSON'],
])('%s is left out and the reason names the mistake', (line, reason) => {
  expect(parseMetricsLine(line)).toMatchObject({ ok: false, error: expect.stringContaining(reason) })
})

test('__proto__ is a name like another', () => {
  const parsed = parseMetricsLine('{"steps": 1, "values": {"__proto__": {"polluted": 1}}}')
  expect(parsed.ok && Object.keys(parsed.report?.values ?? {})).toEqual(['__proto__'])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('lines become one event, bad ones a note with their number, the last progress one event', () => {
  const lines = ['{"steps":1,"values":{},"progress":0.1}', 'oops', '', '{"steps":2,"values":{},"progress":0.2}']
  const { events, count: after } = metricsEvents(lines, { ...count, line: 10 }, 5)
  expect(events.map((event) => event.kind)).toEqual(['note', 'metrics', 'progress'])
  expect(events[0]).toMatchObject({ level: 'WARNING', text: expect.stringContaining('line 12 was left out') })
  expect(events[1]).toMatchObject({ reports: [{ steps: 1 }, { steps: 2 }] })
  expect(events[2]).toMatchObject({ progress: 0.2 })
  expect(after).toEqual({ alloc: 'trial-1.1', line: 14, notes: 1 })
})

test('a broken script is told a bounded number of times', () => {
  const { events } = metricsEvents(Array.from({ length: 1_000 }, () => 'bad'), count, 5)
  expect(events).toHaveLength(NOTES_MAX)
})

test('events stay within what the wire takes', () => {
  const many = metricsEvents(Array.from({ length: 1_100 }, (_, i) => `{"steps":${i},"values":{}}`), count, 5).events
  expect(many.map((event) => event.kind === 'metrics' && event.reports.length)).toEqual([512, 512, 76])
  const large = metricsEvents(Array.from({ length: 10 }, (_, i) => `{"steps":${i},"values":{"a":"${'x'.repeat(100_000)}"}}`), count, 5).events
  for (const event of large) expect(JSON.stringify(event).length).toBeLessThan(400_000)
})

test('whatever a line holds, what comes of it is valid on the wire', () => {
  const line = fc.oneof(fc.json(), fc.string(), fc.record({ steps: fc.nat(), values: fc.dictionary(fc.string(), fc.jsonValue()), progress: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }) }).map((value) => JSON.stringify(value)))
  fc.assert(fc.property(fc.array(line.filter((text) => !text.includes('\n'))), (lines) => {
    for (const event of metricsEvents(lines, count, 5).events) expect(Value.Check(AgentEvent, { ...event, seq: 1 })).toBe(true)
  }))
})
