import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Gpu } from './listing.ts'
import { readSmi, type Reading } from './read.ts'
import { reportOf } from './report.ts'
import { SAMPLES, UUIDS } from './samples.fixture.ts'
import { slotsOf } from './slots.ts'

const LISTINGS = [SAMPLES.csv, SAMPLES.csvNounits, SAMPLES.list, SAMPLES.xml, SAMPLES.q, SAMPLES.table] as const
const ALL = Object.values(SAMPLES)

/** Every number that a reading gives of its GPUs, by what it is about. */
function numbers(reading: Reading): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'number') found.set(path, (found.get(path) ?? new Set()).add(value))
    else if (Array.isArray(value)) value.forEach((each) => visit(each, path))
    else if (typeof value === 'object' && value !== null) for (const [key, each] of Object.entries(value)) visit(each, `${path}.${key}`)
  }
  // the place in the listing is no number of the text, and processes are counted
  for (const gpu of gpusOf(reading)) visit({ ...gpu, index: null, processes: null, trouble: null }, '')
  return found
}

function gpusOf(reading: Reading): Gpu[] {
  return 'listing' in reading ? reading.listing.gpus : []
}

function expectNothingInvented(whole: string, mutated: string): void {
  const known = numbers(readSmi(whole))
  for (const [path, values] of numbers(readSmi(mutated))) {
    for (const value of values) expect(known.get(path) ?? new Set(), `${path} ${value}`).toContain(value)
  }
}

test('cut after any line: never a crash, never a number that was not there, and slots only for whole UUIDs', () => {
  for (const sample of LISTINGS) {
    const lines = sample.split('\n')
    for (let end = 0; end <= lines.length; end += 1) {
      const cut = lines.slice(0, end).join('\n') + (end < lines.length ? '\n' : '')
      expectNothingInvented(sample, cut)
      for (const slot of slotsOf(gpusOf(readSmi(cut)), { list: [], log: [] }).slots) expect(UUIDS).toContain(slot.uuid)
    }
  }
})

test('cut at any character', () => {
  for (const sample of [SAMPLES.csv, SAMPLES.list, SAMPLES.xml, SAMPLES.q, SAMPLES.table]) {
    for (let end = 0; end < sample.length; end += 3) {
      const cut = sample.slice(0, end)
      expectNothingInvented(sample, cut)
      for (const gpu of gpusOf(readSmi(cut))) if (gpu.uuid !== null) expect(UUIDS).toContain(gpu.uuid)
    }
  }
})

test('CRLF, BOM, a warning before, blanks at the end: read the same', () => {
  for (const sample of LISTINGS) {
    const plain = gpusOf(readSmi(sample))
    for (const other of [sample.replaceAll('\n', '\r\n'), `\ufeff${sample}`, `WARNING: something of a wrapper\n${sample}`, `srun: job 4711 queued\nsrun: job 4711 has been allocated\n${sample}`, `${sample}\n\n`, sample.replaceAll('\n', ' \n')]) {
      expect(gpusOf(readSmi(other))).toEqual(plain)
    }
  }
})

test('columns dropped and in any order: what stays is read the same', () => {
  const rows = SAMPLES.csv.trim().split('\n').map((line) => line.split(', '))
  const width = rows[0]?.length ?? 0
  fc.assert(fc.property(fc.shuffledSubarray(Array.from({ length: width }, (_, at) => at), { minLength: 2 }), (columns) => {
    const text = `${rows.map((row) => columns.map((at) => row[at]).join(', ')).join('\n')}\n`
    expect(readSmi(text).kind).toBe('csv')
    expect(gpusOf(readSmi(text))).toHaveLength(2)
    expectNothingInvented(SAMPLES.csv, text)
  }), { numRuns: 300 })
})

test('attributes and children of a GPU in any order are read the same', () => {
  fc.assert(fc.property(fc.infiniteStream(fc.nat(1000)), (random) => {
    const [head = '', ...blocks] = SAMPLES.xml.split(/(?=^\t\t<(?!\/)\w+>)/m)
    const keyed = blocks.map((block) => ({ block, key: random.next().value ?? 0 }))
    const tail = keyed.findIndex(({ block }) => block.includes('</gpu>'))
    const first = keyed.slice(0, tail)
    const text = head + first.toSorted((a, b) => a.key - b.key).map(({ block }) => block).join('') + keyed.slice(tail).map(({ block }) => block).join('')
    expect(gpusOf(readSmi(text.replaceAll('<gpu id=', '<gpu new="a > b" id =')))).toEqual(gpusOf(readSmi(SAMPLES.xml)))
  }), { numRuns: 50 })
})

test('a locale with a decimal comma: the same number or none', () => {
  for (const sample of LISTINGS) {
    const other = sample.replaceAll(/(\d)\.(\d+)( W| GB\/s)/g, '$1,$2$3')
    expectNothingInvented(sample, other)
  }
})

test('values replaced by words of trouble: no number in their place, all the rest as it was', () => {
  const words = ['[N/A]', '[Not Supported]', '[Insufficient Permissions]', '[GPU is lost]', 'ERR!', '[Unknown Error]', '']
  const lines = SAMPLES.csv.trim().split('\n').map((line) => line.split(', '))
  fc.assert(fc.property(fc.integer({ min: 0, max: 15 }), fc.constantFrom(...words), fc.boolean(), (column, word, second) => {
    const row = second ? 2 : 1
    const changed = lines.map((cells, at) => (at === row ? cells.with(column, word) : cells).join(', ')).join('\n')
    expectNothingInvented(SAMPLES.csv, `${changed}\n`)
    expect(gpusOf(readSmi(`${changed}\n`))).toHaveLength(2)
  }), { numRuns: 200 })
})

test('lines dropped, doubled and swapped, and any text at all: never a crash, always a word', () => {
  const mutate = fc.tuple(fc.constantFrom(...ALL), fc.array(fc.tuple(fc.nat(200), fc.nat(200), fc.constantFrom('drop', 'double', 'swap')), { maxLength: 8 })).map(([sample, steps]) => {
    const lines = sample.split('\n')
    for (const [a, b, how] of steps) {
      const [at, other] = [a % lines.length, b % lines.length]
      if (how === 'drop') lines.splice(at, 1, '')
      else if (how === 'double') lines.splice(at, 0, lines[other] ?? '')
      else [lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? '']
    }
    return lines.join('\n')
  })
  fc.assert(fc.property(fc.oneof(mutate, fc.string({ maxLength: 400, unit: 'binary' }), fc.tuple(fc.constantFrom(...ALL), fc.string({ maxLength: 5 }), fc.nat(3000)).map(([sample, noise, at]) => sample.slice(0, at) + noise + sample.slice(at))), (text) => {
    const reading = readSmi(text)
    if (reading.kind === 'nothing') expect(reading.saw).not.toBe('')
    else expect(JSON.parse(JSON.stringify(reportOf(reading)))).toMatchObject({ format: reading.kind })
    for (const gpu of gpusOf(reading)) for (const value of Object.values(gpu.memory)) expect(value === null || (Number.isFinite(value) && value >= 0)).toBe(true)
  }), { numRuns: 1000 })
})

test('a long text takes a short time', () => {
  const long = ['\n'.repeat(200_000), ' '.repeat(200_000), `a${' '.repeat(200_000)}b`, '<a '.repeat(60_000), '<a>'.repeat(60_000), '| 0 a '.repeat(40_000), `${'a, '.repeat(80_000)}\n`, '=NVSMI LOG=\nx : y\n'.repeat(20_000), SAMPLES.xml.repeat(30), SAMPLES.csv.repeat(100), `<nvidia_smi_log>${'<a b="'.repeat(30_000)}`]
  for (const text of long) {
    const before = performance.now()
    readSmi(text)
    expect(performance.now() - before, JSON.stringify(text.slice(0, 20))).toBeLessThan(4000)
  }
})
