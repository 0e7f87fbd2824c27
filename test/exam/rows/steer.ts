import { expect } from 'vitest'
import { until } from '../../rig/processes.ts'
import type { Exam, Row } from '../exam.ts'
import { create, csvRows, stateOf, trainingFile } from './config.ts'

const becomes = (exam: Exam, id: string, state: string): Promise<void> => until(`experiment ${id} is ${state}`, 60_000, async () => await stateOf(exam, id) === state, 200)
const longRun = (exam: Exam, name: string): Promise<string> => create(exam, trainingFile(exam, name, { steps: 5_000, every: 5_000, pause: 0.1 }))

export const steerRows: readonly Row[] = [
  {
    command: 'det experiment pause',
    async check(exam) {
      const id = await longRun(exam, 'long')
      exam.facts.set('long', id)
      await becomes(exam, id, 'STATE_RUNNING')
      await exam.ok('experiment', 'pause', id)
      await becomes(exam, id, 'STATE_PAUSED')
    },
  },
  {
    command: 'det experiment activate',
    async check(exam) {
      await exam.ok('experiment', 'activate', exam.fact('long'))
      await becomes(exam, exam.fact('long'), 'STATE_RUNNING')
    },
  },
  {
    command: 'det task list',
    async check(exam) {
      const { trial } = await exam.stack.client.get<{ trial: { taskId: string } }>(`/api/v1/trials/${await trialOf(exam, exam.fact('long'))}`)
      const rows = csvRows(await exam.ok('task', 'list', '--csv'))
      expect(rows.map((row) => row['Task ID'])).toContain(trial.taskId)
      expect(rows[0]?.['Agent']).toBe(exam.stack.agentId)
    },
  },
  {
    command: 'det job list',
    async check(exam) {
      const out = await exam.ok('job', 'list', '--json')
      const job = (JSON.parse(out) as { jobs: { jobId: string; entityId: string; summary: { state: string } }[] }).jobs.find((each) => each.entityId === exam.fact('long'))
      expect(job?.summary.state).toBe('STATE_SCHEDULED')
      exam.facts.set('job', job?.jobId ?? '')
      expect(await exam.ok('job', 'list')).toContain(exam.fact('job'))
    },
  },
  {
    command: 'det job update',
    async check(exam) {
      await exam.ok('job', 'update', exam.fact('job'), '--priority', '11')
      const rows = csvRows(await exam.ok('job', 'list', '--csv'))
      expect(rows.find((row) => row['ID'] === exam.fact('job'))?.['Priority']).toBe('11')
      const unknown = await exam.det(['job', 'update', '00000000-0000-0000-0000-000000000000', '--priority', '3'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  {
    command: 'det experiment cancel',
    async check(exam) {
      await exam.ok('experiment', 'cancel', exam.fact('long'))
      await becomes(exam, exam.fact('long'), 'STATE_CANCELED')
    },
  },
  {
    command: 'det experiment continue',
    async check(exam) {
      const id = exam.fact('long')
      const before = await trialOf(exam, id)
      await exam.ok('experiment', 'continue', id, '--config', 'hyperparameters.pause=0.05', '--config', 'name=goes-on')
      await becomes(exam, id, 'STATE_RUNNING')
      expect(await trialOf(exam, id)).toBe(before)
      expect(await exam.ok('experiment', 'config', id)).toContain('goes-on')
      const running = await exam.det(['experiment', 'continue', id])
      expect([running.code, running.err]).toEqual([1, expect.stringContaining('ended')])
    },
  },
  {
    command: 'det experiment kill',
    async check(exam) {
      await exam.ok('experiment', 'kill', exam.fact('long'))
      await becomes(exam, exam.fact('long'), 'STATE_CANCELED')
    },
  },
  {
    command: 'det trial kill',
    async check(exam) {
      const id = await longRun(exam, 'doomed')
      await becomes(exam, id, 'STATE_RUNNING')
      await exam.ok('trial', 'kill', await trialOf(exam, id))
      await becomes(exam, id, 'STATE_CANCELED')
    },
  },
  {
    command: 'det experiment archive',
    async check(exam) {
      await exam.ok('experiment', 'archive', exam.fact('done'))
      const listed = csvRows(await exam.ok('experiment', 'list', '--csv')).map((row) => row['ID'])
      expect(listed).not.toContain(exam.fact('done'))
      expect(csvRows(await exam.ok('experiment', 'list', '--all', '--csv')).map((row) => row['ID'])).toContain(exam.fact('done'))
    },
  },
  {
    command: 'det experiment unarchive',
    async check(exam) {
      await exam.ok('experiment', 'unarchive', exam.fact('done'))
      expect(csvRows(await exam.ok('experiment', 'list', '--csv')).map((row) => row['ID'])).toContain(exam.fact('done'))
    },
  },
]

async function trialOf(exam: Exam, id: string): Promise<string> {
  const { trials } = await exam.stack.client.get<{ trials: { id: number }[] }>(`/api/v1/experiments/${id}/trials`)
  return String(trials[0]?.id)
}
