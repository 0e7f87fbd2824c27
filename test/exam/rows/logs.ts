import { expect } from 'vitest'
import type { Exam, Row } from '../exam.ts'

const lines = (text: string): string[] => text.split('\n').filter((line) => line.includes('line ') && line.includes(' of attempt'))

async function everyFilter(exam: Exam, kind: 'experiment' | 'trial' | 'task', id: string): Promise<void> {
  const logs = (...options: string[]): Promise<string> => exam.ok(kind, 'logs', id, ...options)
  expect(lines(await logs())).toHaveLength(6)
  const first = (await logs('--head', '1')).split('\n').filter((line) => line.startsWith('['))
  expect(first).toHaveLength(1)
  expect(await logs('--tail', '1')).toContain('weights ')
  expect(lines(await logs('-f'))).toHaveLength(6)
  expect(lines(await logs('--agent-id', exam.stack.agentId))).toHaveLength(6)
  expect(lines(await logs('--agent-id', 'no-such-agent'))).toHaveLength(0)
  expect(lines(await logs('--rank-id', '0'))).toHaveLength(6)
  expect(lines(await logs('--rank-id', '3'))).toHaveLength(0)
  expect(lines(await logs('--stdtype', 'stderr'))).toHaveLength(0)
  expect(lines(await logs('--source', 'task'))).toHaveLength(6)
  // `det task logs --level` fails inside the package, before it asks anybody: it compares a text with its enum
  if (kind !== 'task') expect(lines(await logs('--level', 'ERROR'))).toHaveLength(0)
  expect(lines(await logs('--timestamp-before', '2020-01-01T00:00:00Z'))).toHaveLength(0)
  expect(lines(await logs('--timestamp-after', '2020-01-01T00:00:00Z'))).toHaveLength(6)
  const json = (await logs('--json')).split('\n').find((line) => line.includes('"containerId"'))
  const container = /"containerId": "([0-9a-f]+)"/.exec(json ?? await logs('--json'))?.[1]
  expect(lines(await logs('--container-id', container ?? '')).length).toBe(6)
}

export const logRows: readonly Row[] = [
  { command: 'det experiment logs', check: (exam) => everyFilter(exam, 'experiment', exam.fact('done')) },
  { command: 'det trial logs', check: (exam) => everyFilter(exam, 'trial', exam.fact('trial')) },
  {
    command: 'det task logs',
    async check(exam) {
      const { trial } = await exam.stack.client.get<{ trial: { taskId: string } }>(`/api/v1/trials/${exam.fact('trial')}`)
      await everyFilter(exam, 'task', trial.taskId)
      expect(lines(await exam.ok('task', 'logs', trial.taskId, '--allocation-id', `${trial.taskId}.1`))).toHaveLength(6)
      const foreign = await exam.det(['task', 'logs', '77.00000000-0000-4000-8000-00000000ffff'])
      expect([foreign.code, foreign.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  {
    command: 'det trial describe',
    async check(exam) {
      const out = await exam.ok('trial', 'describe', exam.fact('trial'), '--metrics')
      expect(out).toContain('COMPLETED')
      expect(out).toContain('validation_loss')
      const json = JSON.parse(await exam.ok('trial', 'describe', exam.fact('trial'), '--json')) as { workloads: unknown[] }
      expect(json.workloads.length).toBeGreaterThan(7)
    },
  },
]
