import { expect } from 'vitest'
import type { Row } from '../exam.ts'
import { create, stateOf, trainingFile } from './config.ts'

export const workspaceRows: readonly Row[] = [
  {
    command: 'det workspace create',
    async check(exam) {
      expect(await exam.ok('workspace', 'create', 'vision')).toContain('vision')
      const twice = await exam.det(['workspace', 'create', 'vision'])
      expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('taken')])
    },
  },
  {
    command: 'det workspace list',
    async check(exam) {
      const out = await exam.ok('workspace', 'list')
      expect(out).toContain('Uncategorized')
      expect(out).toContain('vision')
    },
  },
  {
    command: 'det workspace describe',
    async check(exam) {
      expect(await exam.ok('workspace', 'describe', 'vision')).toMatch(/vision.*0/)
      const unknown = await exam.det(['workspace', 'describe', 'nowhere'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/not find|not found/i)])
    },
  },
  { command: 'det project create', check: async (exam) => expect(await exam.ok('project', 'create', 'vision', 'resnet', '--description', 'all of them')).toContain('resnet') },
  { command: 'det workspace list-pools', check: async (exam) => expect(await exam.ok('workspace', 'list-pools', 'vision')).toContain('default') },
  { command: 'det workspace list-projects', check: async (exam) => expect(await exam.ok('workspace', 'list-projects', 'vision')).toContain('resnet') },
  {
    command: 'det project list-experiments',
    async check(exam) {
      const { projects } = await exam.stack.client.get<{ projects: { id: number }[] }>(`/api/v1/workspaces/${await workspaceId(exam.stack.client)}/projects?name=resnet`)
      const id = await create(exam, trainingFile(exam, 'in-project'), '--paused', '--project_id', String(projects[0]?.id))
      exam.facts.set('in-project', id)
      expect(await exam.ok('project', 'list-experiments', 'vision', 'resnet')).toContain('in-project')
    },
  },
  {
    command: 'det project describe',
    async check(exam) {
      const out = await exam.ok('project', 'describe', 'vision', 'resnet')
      expect(out).toContain('all of them')
      expect(out).toContain('in-project')
    },
  },
  {
    command: 'det template create',
    async check(exam) {
      await exam.ok('template', 'create', 'small', exam.file('small.yaml', `description: from the template\nmax_restarts: 3\nenvironment:\n  environment_variables: [FROM_TEMPLATE=yes]\n`))
      const id = await create(exam, trainingFile(exam, 'templated'), '--paused', '--template', 'small')
      const { experiment } = await exam.stack.client.get<{ experiment: { description: string; config: { max_restarts: number } } }>(`/api/v1/experiments/${id}`)
      // what the file says goes before what the template says
      expect([experiment.description, experiment.config.max_restarts]).toEqual(['from the template', 0])
      await exam.ok('experiment', 'kill', id)
    },
  },
  { command: 'det template list', check: async (exam) => expect(await exam.ok('template', 'list', '--details')).toMatch(/small.*Uncategorized/) },
  { command: 'det template describe', check: async (exam) => expect(await exam.ok('template', 'describe', 'small')).toContain('max_restarts: 3') },
  {
    command: 'det template set',
    async check(exam) {
      await exam.ok('template', 'set', 'small', exam.file('smaller.yaml', 'max_restarts: 4\n'))
      expect(await exam.ok('template', 'describe', 'small')).toContain('max_restarts: 4')
    },
  },
  {
    command: 'det template remove',
    async check(exam) {
      await exam.ok('template', 'remove', 'small')
      expect((await exam.det(['template', 'describe', 'small'])).code).toBe(1)
    },
  },
  {
    command: 'det workspace edit, archive, unarchive; project edit, archive, unarchive',
    async check(exam) {
      expect(await exam.ok('project', 'edit', 'vision', 'resnet', '--description', 'some of them')).toContain('some of them')
      await exam.ok('project', 'archive', 'vision', 'resnet')
      await exam.ok('project', 'unarchive', 'vision', 'resnet')
      expect(await exam.ok('workspace', 'edit', 'vision', '--name', 'sight')).toContain('sight')
      await exam.ok('workspace', 'archive', 'sight')
      await exam.ok('workspace', 'unarchive', 'sight')
      await exam.ok('workspace', 'edit', 'sight', '--name', 'vision')
    },
  },
  {
    command: 'det project delete',
    async check(exam) {
      const refused = await exam.det(['project', 'delete', 'vision', 'resnet', '--yes'])
      expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('experiment')])
      await exam.ok('experiment', 'move', exam.fact('in-project'), 'Uncategorized', 'Uncategorized')
      expect(await exam.ok('project', 'delete', 'vision', 'resnet', '--yes')).toContain('Successfully deleted project')
      expect(await stateOf(exam, exam.fact('in-project'))).toBe('STATE_PAUSED')
    },
  },
  {
    command: 'det workspace delete',
    async check(exam) {
      expect(await exam.ok('workspace', 'delete', 'vision', '--yes')).toContain('Successfully deleted workspace')
      expect(await exam.ok('workspace', 'list')).not.toContain('vision')
    },
  },
]

async function workspaceId(client: { get<T>(path: string): Promise<T> }): Promise<number> {
  const { workspaces } = await client.get<{ workspaces: { id: number; name: string }[] }>('/api/v1/workspaces?name=vision')
  return workspaces[0]?.id ?? 0
}
