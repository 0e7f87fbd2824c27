import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSmi } from './read.ts'
import { reportOf } from './report.ts'

/** Real outputs with expectations, kept beside the project: read there, never copied. */
const RECORDINGS = [process.env['DROVER_RECORDINGS'], resolve('../shared/nvidia-smi'), resolve('../../shared/nvidia-smi')].find((path) => path !== undefined && existsSync(join(path, 'expected')))

/** Said by whoever recorded, not by nvidia-smi. */
const ABOUT = new Set(['file', 'command', 'exitCode', 'peculiar', 'kmdVersion', 'cudaUmdVersion'])

const files = RECORDINGS === undefined ? [] : readdirSync(join(RECORDINGS, 'expected'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort()
if (RECORDINGS === undefined) console.log('recordings of nvidia-smi: skipped, ../shared/nvidia-smi is not there')

describe.skipIf(RECORDINGS === undefined)('recordings', () => {
  test.each(files)('%s', (file) => {
    const expected = Object.fromEntries(Object.entries(JSON.parse(readFileSync(join(RECORDINGS ?? '', 'expected', `${file}.json`), 'utf8'))).filter(([key]) => !ABOUT.has(key)))
    const reading = readSmi(readFileSync(join(RECORDINGS ?? '', file), 'utf8'))
    if (reading.kind === 'nothing') throw new Error(`${file}: ${reading.saw}`)
    const report = reportOf(reading)
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, report[key]]))).toEqual(expected)
  })
})
