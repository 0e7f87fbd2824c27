import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Row } from '../exam.ts'
import { create, csvRows, numberIn, stateOf, trainingFile } from './config.ts'

export const experimentRows: readonly Row[] = [
  {
    command: 'det experiment create -f',
    async check(exam) {
      const out = await exam.ok('experiment', 'create', trainingFile(exam, 'first'), 'model', '-f')
      exam.facts.set('done', numberIn(out, /Created experiment (\d+)/))
      exam.facts.set('trial', numberIn(out, /Following first trial with ID (\d+)/))
      expect(out).toContain('line 6 of attempt')
      expect(out).toContain('Trial log stream ended')
    },
  },
  {
    command: 'det experiment wait',
    async check(exam) {
      await exam.ok('experiment', 'wait', exam.fact('done'), '--polling-interval', '1')
      expect(await stateOf(exam, exam.fact('done'))).toBe('STATE_COMPLETED')
    },
  },
  {
    command: 'det experiment create --test',
    async check(exam) {
      const file = trainingFile(exam, 'dry-run', { steps: 2, every: 1 })
      writeFileSync(file, readFileSync(file, 'utf8').replace('  name: single\n', '  name: single\n  max_length:\n    batches: 2\n'))
      const out = await exam.ok('experiment', 'create', file, 'model', '--test')
      expect(out).toContain('Experiment configuration validation succeeded')
      expect(out).toContain('Model definition test succeeded')
      const wrong = await exam.det(['experiment', 'create', exam.file('wrong.yaml', 'name: x\nsearcher: {name: nope}\nentrypoint: true\n'), 'model', '--test'])
      expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('searcher')])
    },
  },
  {
    command: 'det experiment create --config',
    async check(exam) {
      const id = await create(exam, trainingFile(exam, 'tweaked'), '--paused', '--config', 'name=by-the-line', '--config', 'hyperparameters.steps=9')
      exam.facts.set('tweaked', id)
      const { experiment } = await exam.stack.client.get<{ experiment: { name: string; hyperparameters: { steps: unknown } } }>(`/api/v1/experiments/${id}`)
      expect([experiment.name, experiment.hyperparameters.steps]).toEqual(['by-the-line', { type: 'const', val: 9 }])
    },
  },
  {
    command: 'det experiment create --paused',
    async check(exam) {
      exam.facts.set('paused', await create(exam, trainingFile(exam, 'at-rest'), '--paused'))
      expect(await stateOf(exam, exam.fact('paused'))).toBe('STATE_PAUSED')
    },
  },
  {
    command: 'det experiment create (95 MiB of context)',
    async check(exam) {
      const dir = join(exam.dir, 'heavy')
      mkdirSync(dir)
      // what the package itself lets through: just below 95 MiB
      execFileSync('dd', ['if=/dev/urandom', `of=${join(dir, 'weights.bin')}`, 'bs=1M', 'count=94', 'status=none'])
      const out = await exam.ok('experiment', 'create', trainingFile(exam, 'heavy'), dir, '--paused')
      const id = numberIn(out, /Created experiment (\d+)/)
      await exam.ok('experiment', 'kill', id)
      execFileSync('dd', ['if=/dev/urandom', `of=${join(dir, 'more.bin')}`, 'bs=1M', 'count=3', 'status=none'])
      const refused = await exam.det(['experiment', 'create', trainingFile(exam, 'heavier'), dir, '--paused'])
      expect([refused.code, refused.err + refused.out]).toEqual([1, expect.stringMatching(/95|size|large/i)])
      rmSync(dir, { recursive: true })
    },
  },
  {
    command: 'det experiment list',
    async check(exam) {
      const rows = csvRows(await exam.ok('experiment', 'list', '--csv'))
      expect(rows.find((row) => row['ID'] === exam.fact('done'))).toMatchObject({ Owner: 'admin', Name: 'first', State: 'COMPLETED' })
      expect(rows.map((row) => row['ID'])).toContain(exam.fact('paused'))
      const page = csvRows(await exam.ok('experiment', 'list', '--csv', '--limit', '1', '--pages', '1'))
      expect(page).toHaveLength(1)
    },
  },
  {
    command: 'det experiment describe',
    async check(exam) {
      const out = await exam.ok('experiment', 'describe', exam.fact('done'), '--metrics')
      expect(out).toContain('first')
      expect(out).toContain('COMPLETED')
      expect(out).toContain('validation_loss')
      const [json] = JSON.parse(await exam.ok('experiment', 'describe', exam.fact('done'), '--json')) as { experiment: { id: number } }[]
      expect(String(json?.experiment.id)).toBe(exam.fact('done'))
      const unknown = await exam.det(['experiment', 'describe', '99999'])
      expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('not found')])
    },
  },
  { command: 'det experiment config', check: async (exam) => expect(await exam.ok('experiment', 'config', exam.fact('done'))).toContain('entrypoint: python3 train.py') },
  {
    command: 'det experiment list-trials',
    async check(exam) {
      const [row] = csvRows(await exam.ok('experiment', 'list-trials', exam.fact('done'), '--csv'))
      expect(row).toMatchObject({ 'Trial ID': exam.fact('trial'), State: 'COMPLETED' })
    },
  },
  {
    command: 'det experiment list-checkpoints',
    async check(exam) {
      const out = await exam.ok('experiment', 'list-checkpoints', exam.fact('done'), '--csv')
      const uuids = [...out.matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)].map(([uuid]) => uuid)
      expect(new Set(uuids).size).toBe(2)
      const best = await exam.ok('experiment', 'list-checkpoints', exam.fact('done'), '--best', '1', '--csv')
      exam.facts.set('checkpoint', numberIn(best, /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/))
      expect(best.trim().split('\n').length).toBeLessThan(out.trim().split('\n').length)
    },
  },
  {
    command: 'det experiment download-model-def',
    async check(exam) {
      await exam.ok('experiment', 'download-model-def', exam.fact('done'), '--output-dir', exam.dir)
      const list = execFileSync('tar', ['-xzOf', join(exam.dir, `experiment_${exam.fact('done')}_model_def.tgz`)], { encoding: 'utf8' })
      expect(list).toContain(readFileSync(join(exam.dir, 'model/train.py'), 'utf8').slice(0, 80))
    },
  },
  {
    command: 'det experiment download',
    async check(exam) {
      const out = join(exam.dir, 'best')
      await exam.ok('experiment', 'download', exam.fact('done'), '-o', out)
      expect(JSON.parse(readFileSync(join(out, exam.fact('checkpoint'), 'state.json'), 'utf8'))).toEqual({ step: 6 })
    },
  },
  {
    command: 'det experiment label',
    async check(exam) {
      await exam.ok('experiment', 'label', 'add', exam.fact('done'), 'gold')
      expect(await exam.ok('experiment', 'describe', exam.fact('done'), '--csv')).toContain('gold')
      await exam.ok('experiment', 'label', 'remove', exam.fact('done'), 'gold')
      expect(await exam.ok('experiment', 'describe', exam.fact('done'), '--csv')).not.toContain('gold')
    },
  },
  {
    command: 'det experiment set',
    async check(exam) {
      const id = exam.fact('paused')
      await exam.ok('experiment', 'set', 'name', id, 'another name')
      await exam.ok('experiment', 'set', 'description', id, 'what it is for')
      await exam.ok('experiment', 'set', 'priority', id, '7')
      await exam.ok('experiment', 'set', 'max-slots', id, '2')
      await exam.ok('experiment', 'set', 'weight', id, '1')
      await exam.ok('experiment', 'set', 'log-retention', id, '--days', '30')
      await exam.ok('experiment', 'set', 'gc-policy', id, '--save-experiment-best', '2', '--save-trial-best', '3', '--save-trial-latest', '4', '--yes')
      const preview = await exam.det(['experiment', 'set', 'gc-policy', exam.fact('done'), '--save-experiment-best', '0', '--save-trial-best', '0', '--save-trial-latest', '1'], { input: ['n'] })
      expect(preview.out).toMatch(/This policy will delete \d+ checkpoints with validations and \d+ checkpoints without validations/)
      const { experiment } = await exam.stack.client.get<{ experiment: { name: string; description: string; config: Record<string, object> } }>(`/api/v1/experiments/${id}`)
      expect([experiment.name, experiment.description]).toEqual(['another name', 'what it is for'])
      expect(experiment.config).toMatchObject({ resources: { priority: 7, max_slots: 2 }, retention_policy: { log_retention_days: 30 }, checkpoint_storage: { save_experiment_best: 2, save_trial_best: 3, save_trial_latest: 4 } })
      const wrong = await exam.det(['experiment', 'set', 'priority', id, '1000'])
      expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('priority')])
    },
  },
]
