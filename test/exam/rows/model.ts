import { expect } from 'vitest'
import type { Row } from '../exam.ts'

export const modelRows: readonly Row[] = [
  {
    command: 'det model create',
    async check(exam) {
      expect(await exam.ok('model', 'create', 'hash-net', '--description', 'a chain of hashes')).toContain('hash-net')
      const twice = await exam.det(['model', 'create', 'hash-net'])
      expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('taken')])
    },
  },
  { command: 'det model list', check: async (exam) => expect(await exam.ok('model', 'list')).toContain('hash-net') },
  {
    command: 'det model register-version',
    async check(exam) {
      expect(await exam.ok('model', 'register-version', 'hash-net', exam.fact('checkpoint'))).toContain(exam.fact('checkpoint'))
      const unknown = await exam.det(['model', 'register-version', 'hash-net', '00000000-0000-0000-0000-000000000000'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  {
    command: 'det model list-versions',
    async check(exam) {
      expect(await exam.ok('model', 'list-versions', 'hash-net')).toContain(exam.fact('checkpoint'))
      const json = JSON.parse(await exam.ok('model', 'list-versions', 'hash-net', '--json')) as { modelVersions: { version: number }[] }
      expect(json.modelVersions.map((version) => version.version)).toEqual([1])
    },
  },
  { command: 'det model describe', check: async (exam) => expect(await exam.ok('model', 'describe', 'hash-net')).toContain(exam.fact('checkpoint')) },
]
