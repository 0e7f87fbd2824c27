import { expect } from 'vitest'
import { until } from '../../rig/processes.ts'
import type { Exam, Row } from '../exam.ts'

interface Shown { state: string; resources: Record<string, string> }
const shown = async (exam: Exam, uuid: string): Promise<Shown> => (await exam.stack.client.get<{ checkpoint: Shown }>(`/api/v1/checkpoints/${uuid}`)).checkpoint

async function others(exam: Exam): Promise<string[]> {
  const { checkpoints } = await exam.stack.client.get<{ checkpoints: { uuid: string }[] }>(`/api/v1/experiments/${exam.fact('sdk')}/checkpoints`)
  return checkpoints.map((checkpoint) => checkpoint.uuid)
}

export const deletionRows: readonly Row[] = [
  {
    command: 'det checkpoint rm',
    async check(exam) {
      const [uuid = ''] = await others(exam)
      await exam.ok('checkpoint', 'rm', uuid, '--glob', 'nested/**', '--yes')
      await until('the files are gone', 60_000, async () => !Object.keys((await shown(exam, uuid)).resources).some((name) => name === 'nested/note.txt'))
      expect((await shown(exam, uuid)).state).toBe('STATE_PARTIALLY_DELETED')
    },
  },
  {
    command: 'det checkpoint delete',
    async check(exam) {
      const [, uuid = ''] = await others(exam)
      await exam.ok('checkpoint', 'delete', uuid, '--yes')
      await until('the checkpoint is deleted', 60_000, async () => (await shown(exam, uuid)).state === 'STATE_DELETED')
      const registered = await exam.det(['checkpoint', 'delete', exam.fact('checkpoint'), '--yes'])
      expect([registered.code, registered.err]).toEqual([1, expect.stringContaining('model')])
    },
  },
  {
    command: 'det experiment delete',
    async check(exam) {
      const id = exam.fact('sdk')
      expect(await exam.ok('experiment', 'delete', id, '--yes')).toContain('in progress')
      await until('the experiment is gone', 60_000, async () => (await exam.stack.client.raw(`/api/v1/experiments/${id}`)).status === 404)
      const registered = await exam.det(['experiment', 'delete', exam.fact('done'), '--yes'])
      expect([registered.code, registered.err]).toEqual([1, expect.stringContaining('model')])
    },
  },
]
