import { expect } from 'vitest'
import { until } from '../../rig/processes.ts'
import type { Row } from '../exam.ts'
import { numberIn } from './config.ts'

const IMAGE = `environment.image=${process.env['DROVER_TEST_IMAGE'] ?? ''}`
const UUID = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/

export const commandRows: readonly Row[] = [
  {
    command: 'det command run',
    async check(exam) {
      exam.file('model/hello.txt', 'from the context\n')
      const out = await exam.ok('command', 'run', '--config', IMAGE, '--config', 'resources.slots=0', '-c', 'model', 'sh', '-c', 'cat hello.txt; echo task $DET_TASK_TYPE')
      exam.facts.set('command', numberIn(out, UUID))
      expect(out).toContain('from the context')
      expect(out).toContain('task COMMAND')
      expect(out).toContain('Task log stream ended')
    },
  },
  {
    command: 'det command run -d',
    async check(exam) {
      const id = (await exam.ok('command', 'run', '-d', '--config', IMAGE, '--config', 'resources.slots=1', '--config', 'description=for ever', 'sleep', '600')).trim()
      expect(id).toMatch(UUID)
      exam.facts.set('sleeper', id)
      await until('the command runs', 60_000, async () => (await exam.stack.client.get<{ command: { state: string } }>(`/api/v1/commands/${id}`)).command.state === 'STATE_RUNNING')
    },
  },
  {
    command: 'det command list',
    async check(exam) {
      const out = await exam.ok('command', 'list')
      expect(out).toMatch(new RegExp(`${exam.fact('sleeper')}.*for ever.*RUNNING`))
      expect(out).toMatch(new RegExp(`${exam.fact('command')}.*TERMINATED`))
      expect((await exam.ok('command', 'list', '-q')).trim().split('\n')).toContain(exam.fact('sleeper'))
    },
  },
  {
    command: 'det command describe, config, set priority',
    async check(exam) {
      expect(await exam.ok('command', 'describe', exam.fact('sleeper'))).toContain('for ever')
      expect(await exam.ok('command', 'config', exam.fact('sleeper'))).toContain('description: for ever')
      expect(await exam.ok('command', 'set', 'priority', exam.fact('sleeper'), '13')).toContain('13')
    },
  },
  { command: 'det command logs', check: async (exam) => expect(await exam.ok('command', 'logs', exam.fact('command').slice(0, 8))).toContain('from the context') },
  {
    command: 'det command kill',
    async check(exam) {
      expect(await exam.ok('command', 'kill', exam.fact('sleeper').slice(0, 8))).toContain('Killed command')
      await until('the command has ended', 60_000, async () => (await exam.stack.client.get<{ command: { state: string } }>(`/api/v1/commands/${exam.fact('sleeper')}`)).command.state === 'STATE_TERMINATED')
      const unknown = await exam.det(['command', 'kill', '00000000-0000-4000-8000-000000000000'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
]
