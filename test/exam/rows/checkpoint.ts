import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Exam, Row } from '../exam.ts'

function isWhole(dir: string): void {
  expect(readdirSync(dir).sort()).toEqual(expect.arrayContaining(['metadata.json', 'nested', 'state.json', 'weights.bin']))
  expect(readFileSync(join(dir, 'nested/note.txt'), 'utf8')).toBe('step 6\n')
}

const download = (exam: Exam, to: string, ...options: string[]): Promise<string> => exam.ok('checkpoint', 'download', exam.fact('checkpoint'), '-o', join(exam.dir, to), ...options)

export const checkpointRows: readonly Row[] = [
  {
    command: 'det checkpoint describe',
    async check(exam) {
      const out = await exam.ok('checkpoint', 'describe', exam.fact('checkpoint'))
      expect(out).toContain(exam.fact('checkpoint'))
      expect(out).toContain('hash-chain')
      const unknown = await exam.det(['checkpoint', 'describe', '00000000-0000-0000-0000-000000000000'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  {
    command: 'det checkpoint download --mode direct',
    async check(exam) {
      await download(exam, 'direct', '--mode', 'direct')
      isWhole(join(exam.dir, 'direct'))
    },
  },
  {
    command: 'det checkpoint download --mode master',
    async check(exam) {
      await download(exam, 'by-master', '--mode', 'master')
      isWhole(join(exam.dir, 'by-master'))
    },
  },
  {
    command: 'det trial download',
    async check(exam) {
      await exam.ok('trial', 'download', exam.fact('trial'), '--latest', '-o', join(exam.dir, 'latest'))
      expect(existsSync(join(exam.dir, 'latest/weights.bin'))).toBe(true)
      await exam.ok('trial', 'download', exam.fact('trial'), '--best', '-o', join(exam.dir, 'trial-best'))
      expect(existsSync(join(exam.dir, 'trial-best/weights.bin'))).toBe(true)
    },
  },
]
