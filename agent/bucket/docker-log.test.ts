import fc from 'fast-check'
import { expect, test } from 'vitest'
import { takeLines, type TakeOptions } from './docker-log.ts'

const record = (log: string, stream: 'stdout' | 'stderr' = 'stdout', time = '2026-11-23T21:20:07.123456789Z'): string => `${JSON.stringify({ log, stream, time })}\n`
const take = (text: string | Buffer, options: Partial<TakeOptions> = {}): { texts: string[]; bytes: number } => {
  const taken = takeLines(Buffer.from(text), { flush: 'none', full: false, ...options })
  return { texts: taken.lines.map((line) => line.text), bytes: taken.bytes }
}

test('whole records become lines with their stream and time', () => {
  const text = record('one\n') + record('two\n', 'stderr', '2026-11-23T21:20:08Z')
  expect(takeLines(Buffer.from(text), { flush: 'none', full: false })).toEqual({
    lines: [{ t: Date.UTC(2026, 10, 23, 21, 20, 7, 123), std: 'stdout', text: 'one' }, { t: Date.UTC(2026, 10, 23, 21, 20, 8), std: 'stderr', text: 'two' }],
    bytes: text.length,
  })
})

test('a record that is still being written waits', () => {
  const whole = record('one\n')
  expect(take(whole + record('two\n').slice(0, -5))).toEqual({ texts: ['one'], bytes: whole.length })
  expect(take('')).toEqual({ texts: [], bytes: 0 })
})

test('the parts of a long line are joined, those of the two streams apart', () => {
  const text = record('a1 ') + record('b1 ', 'stderr') + record('a2 ') + record('b2\n', 'stderr') + record('a3\n')
  expect(take(text)).toEqual({ texts: ['b1 b2', 'a1 a2 a3'], bytes: text.length })
})

test('a batch ends before a line that is half seen, and is given whole from there', () => {
  const first = record('x\n')
  const rest = record('half ') + record('y\n', 'stderr')
  expect(take(first + rest)).toEqual({ texts: ['x'], bytes: first.length })
  expect(take(rest)).toEqual({ texts: [], bytes: 0 })
  expect(take(rest + record('done\n'))).toEqual({ texts: ['y', 'half done'], bytes: (rest + record('done\n')).length })
})

test('a pause gives the half line as it is', () => {
  const text = record('loading...')
  expect(take(text, { flush: 'partials' })).toEqual({ texts: ['loading...'], bytes: text.length })
})

test('the end of the file gives the last line without newline and a torn record as it is', () => {
  const text = record('no newline') + '{"log":"torn'
  expect(take(text, { flush: 'all' })).toEqual({ texts: ['[drover: unreadable log record] {"log":"torn', 'no newline'], bytes: text.length })
})

test('at the end, but with more to read, a line is not torn', () => {
  const text = record('x\n') + record('half ')
  expect(take(text, { flush: 'all', full: true })).toEqual({ texts: ['x'], bytes: record('x\n').length })
})

test('a line over 64 KiB goes on below, nothing is lost', () => {
  const piece = 'p'.repeat(16_384)
  const text = Array.from({ length: 10 }, () => record(piece)).join('') + record('end\n')
  const { texts, bytes } = take(text)
  expect(bytes).toBe(text.length)
  expect(texts.length).toBe(3)
  expect(texts.every((line) => line.length <= 65_600)).toBe(true)
  expect(texts.map((line) => line.replace(/ \[drover: .*\]$/, '')).join('')).toBe(`${piece.repeat(10)}end`)
})

test('a line without end fills the window and is given in pieces', () => {
  const text = Array.from({ length: 5 }, () => record('q'.repeat(16_384))).join('')
  const { texts, bytes } = take(text, { full: true })
  expect(bytes).toBe(text.length)
  expect(texts.join('').replaceAll(/ \[drover: .*?\]/g, '')).toBe('q'.repeat(5 * 16_384))
})

test('NUL, ANSI, carriage returns and what is no UTF-8 come through', () => {
  expect(take(record('a\0b\n') + record('\u001b[31mred\u001b[0m\n') + record('50%\r100%\n') + record('日本🐂\n')).texts).toEqual(['a\ufffdb', '\u001b[31mred\u001b[0m', '50%\r100%', '日本🐂'])
  const broken = Buffer.concat([Buffer.from('{"log":"'), Buffer.from([0xff, 0xfe]), Buffer.from('\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n')])
  expect(take(broken)).toEqual({ texts: ['\ufffd\ufffd'], bytes: broken.length })
})

test('an empty line is a line; empty records and foreign ones do not stop the file', () => {
  const text = `${record('\n')}\n{"log":5}\nnot json\n${record('after\n')}`
  expect(take(text)).toEqual({ texts: ['', '[drover: unreadable log record] {"log":5}', '[drover: unreadable log record] not json', 'after'], bytes: text.length })
})

test('a window without any record is passed over and says how much', () => {
  const taken = take('z'.repeat(5_000), { full: true })
  expect(taken.bytes).toBe(5_000)
  expect(taken.texts).toEqual(["[drover: 5000 bytes of Docker's log hold no record and were passed over]"])
})

test('at most 8192 lines a batch', () => {
  const text = record('l\n').repeat(10_000)
  const { texts, bytes } = take(text)
  expect(texts.length).toBeLessThanOrEqual(8_192)
  expect(take(text.slice(bytes)).texts.length + texts.length).toBe(10_000)
})

test('however the file is cut into windows, each line comes exactly once', () => {
  const piece = fc.record({ text: fc.string({ maxLength: 40, unit: 'grapheme' }).map((s) => s.replaceAll(/[\n\0]/g, '').toWellFormed()), std: fc.constantFrom('stdout' as const, 'stderr' as const), end: fc.boolean() })
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.integer({ min: 300, max: 900 }), { minLength: 1, maxLength: 5 }), (pieces, windows) => {
    const file = Buffer.from(pieces.map((p) => record(p.end ? `${p.text}\n` : p.text, p.std)).join(''))
    const given = { stdout: '', stderr: '' }
    let at = 0
    for (let turn = 0; at < file.length; turn += 1) {
      const window = windows[turn % windows.length] ?? 300
      const bytes = file.subarray(at, at + window)
      const full = at + window < file.length
      const taken = takeLines(bytes, { flush: full ? 'none' : 'all', full })
      expect(taken).toEqual(takeLines(bytes, { flush: full ? 'none' : 'all', full }))
      expect(taken.bytes).toBeGreaterThan(0)
      for (const line of taken.lines) given[line.std] += line.text
      at += taken.bytes
    }
    for (const std of ['stdout', 'stderr'] as const) expect(given[std]).toBe(pieces.filter((p) => p.std === std).map((p) => p.text).join(''))
  }), { numRuns: 300 })
})
