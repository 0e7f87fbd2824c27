import { expect } from 'vitest'
import { until } from '../../rig/processes.ts'
import type { Exam, Row } from '../exam.ts'
import { create, csvRows, stateOf, trainingFile } from './config.ts'

const agentRow = async (exam: Exam): Promise<Record<string, string>> => csvRows(await exam.ok('agent', 'list', '--csv'))[0] ?? {}
const becomes = (exam: Exam, id: string, state: string): Promise<void> => until(`experiment ${id} is ${state}`, 60_000, async () => await stateOf(exam, id) === state, 200)

export const clusterRows: readonly Row[] = [
  { command: 'det agent list', check: async (exam) => expect(await agentRow(exam)).toMatchObject({ 'Agent ID': exam.stack.agentId, Slots: '4', Enabled: 'True' }) },
  {
    command: 'det agent disable --drain',
    async check(exam) {
      const id = await create(exam, trainingFile(exam, 'goes-on', { steps: 5_000, every: 5_000, pause: 0.1 }))
      await becomes(exam, id, 'STATE_RUNNING')
      exam.facts.set('drained', id)
      expect(await exam.ok('agent', 'disable', exam.stack.agentId, '--drain')).toContain('Tasks still in progress')
      expect(await agentRow(exam)).toMatchObject({ Enabled: 'False', Draining: 'True' })
      // what runs goes on, what comes waits
      const later = await create(exam, trainingFile(exam, 'waits'))
      exam.facts.set('waits', later)
      await until('the scheduler says why it waits', 30_000, async () => ((await exam.stack.client.get<{ experiment: { drover: { waitReason: string } } }>(`/api/v1/experiments/${later}`)).experiment.drover.waitReason ?? '') !== '')
      expect([await stateOf(exam, id), await stateOf(exam, later)]).toEqual(['STATE_RUNNING', 'STATE_QUEUED'])
    },
  },
  {
    command: 'det agent enable',
    async check(exam) {
      await exam.ok('agent', 'enable', exam.stack.agentId)
      await becomes(exam, exam.fact('waits'), 'STATE_COMPLETED')
    },
  },
  {
    command: 'det agent disable',
    async check(exam) {
      await exam.ok('agent', 'disable', exam.stack.agentId)
      // without --drain what runs there is stopped; it goes again elsewhere, or here once it is enabled
      await becomes(exam, exam.fact('drained'), 'STATE_QUEUED')
      await exam.ok('agent', 'enable', exam.stack.agentId)
      await becomes(exam, exam.fact('drained'), 'STATE_RUNNING')
      await exam.ok('experiment', 'kill', exam.fact('drained'))
      await becomes(exam, exam.fact('drained'), 'STATE_CANCELED')
      await exam.ok('agent', 'disable', '--all', '--drain')
      await exam.ok('agent', 'enable', '--all')
      expect(await agentRow(exam)).toMatchObject({ Enabled: 'True' })
      const unknown = await exam.det(['agent', 'disable', 'nobody'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  {
    command: 'det slot list',
    async check(exam) {
      const rows = csvRows(await exam.ok('slot', 'list', '--csv'))
      expect(rows).toHaveLength(4)
      expect(rows[0]).toMatchObject({ 'Agent ID': exam.stack.agentId, Enabled: 'True', 'Task Name': 'FREE' })
    },
  },
  {
    command: 'det slot disable',
    async check(exam) {
      for (const slot of ['0', '1', '2']) await exam.ok('slot', 'disable', exam.stack.agentId, slot)
      expect(csvRows(await exam.ok('slot', 'list', '--csv')).map((row) => row['Enabled'])).toEqual(['False', 'False', 'False', 'True'])
      const id = await create(exam, trainingFile(exam, 'two-slots', { more: 'resources:\n  slots_per_trial: 2' }))
      exam.facts.set('two-slots', id)
      await until('the scheduler says why it waits', 30_000, async () => ((await exam.stack.client.get<{ experiment: { drover: { waitReason: string } } }>(`/api/v1/experiments/${id}`)).experiment.drover.waitReason ?? '') !== '')
      expect(await stateOf(exam, id)).toBe('STATE_QUEUED')
    },
  },
  {
    command: 'det slot disable (one that is held)',
    async check(exam) {
      for (const slot of ['0', '1', '2']) await exam.ok('slot', 'enable', exam.stack.agentId, slot)
      await becomes(exam, exam.fact('two-slots'), 'STATE_COMPLETED')
      const id = await create(exam, trainingFile(exam, 'moves', { steps: 5_000, every: 5_000, pause: 0.1 }))
      await becomes(exam, id, 'STATE_RUNNING')
      const held = async (): Promise<string | undefined> => csvRows(await exam.ok('slot', 'list', '--csv')).find((row) => row['Task Name'] !== 'FREE')?.['Slot ID']?.replace(/^\D+/, '')
      const before = await held()
      await exam.ok('slot', 'disable', exam.stack.agentId, before ?? '')
      // stopped there, free of charge, and running again on another slot
      await until('it runs elsewhere', 60_000, async () => await stateOf(exam, id) === 'STATE_RUNNING' && ![before, undefined].includes(await held()), 500)
      await exam.ok('experiment', 'kill', id)
      await becomes(exam, id, 'STATE_CANCELED')
      await exam.ok('slot', 'enable', exam.stack.agentId, before ?? '')
    },
  },
  {
    command: 'det slot enable',
    async check(exam) {
      await exam.ok('slot', 'enable', exam.stack.agentId, '0')
      expect(csvRows(await exam.ok('slot', 'list', '--csv')).map((row) => row['Enabled'])).toEqual(['True', 'True', 'True', 'True'])
      const unknown = await exam.det(['slot', 'enable', exam.stack.agentId, '99'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  // the package has no `resource-pool list` of its own: this is its call, and what it does have
  {
    command: 'det resource-pool list (bindings.get_GetResourcePools)',
    async check(exam) {
      const out = await exam.python('from determined.common.api import bindings\nprint(json.dumps([[p.name, p.numAgents, p.slotsAvailable, p.schedulerType.value] for p in bindings.get_GetResourcePools(client._get_singleton_session()).resourcePools]))')
      expect(JSON.parse(out)).toEqual([['default', 1, 4, 'SCHEDULER_TYPE_PRIORITY']])
    },
  },
  { command: 'det resource-pool bindings list-workspaces', check: async (exam) => expect(await exam.ok('resource-pool', 'bindings', 'list-workspaces', 'default')).not.toContain('rror') },
  {
    command: 'det master info',
    async check(exam) {
      const out = await exam.ok('master', 'info')
      expect(out).toContain('0.38.1')
      expect(out).toMatch(/cluster.?id/i)
    },
  },
  {
    command: 'det master config',
    async check(exam) {
      const out = await exam.ok('master', 'config', 'show')
      expect(out).toContain('checkpoint_storage')
      expect(out).not.toContain('secret_key: test')
    },
  },
  {
    command: 'det master logs',
    async check(exam) {
      const out = await exam.ok('master', 'logs', '--tail', '5')
      expect(out.trim().split('\n')).toHaveLength(5)
      expect(out).toMatch(/\[INFO\]|\[DEBUG\]/)
    },
  },
]
