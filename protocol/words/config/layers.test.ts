import { expect, test } from 'vitest'
import { parseExperimentConfig } from '../parse-experiment-config.ts'
import { experimentSchema } from './experiment.ts'
import { layered } from './layers.ts'

test('user over template over pool over cluster; lists add up; invariants win', () => {
  const config = layered({ max_restarts: 1, labels: ['user'], environment: { image: 'user:1' } }, {
    template: { max_restarts: 2, description: 'template', labels: ['template'], resources: { priority: 50 } },
    pool: { description: 'pool', environment: { environment_variables: { cpu: ['A=pool'] }, image: 'pool:1' } },
    cluster: { name: 'cluster', environment: { environment_variables: ['A=cluster', 'B=1'] } },
    invariants: [{ resources: { priority: 60 }, labels: ['law'] }, { resources: { max_slots: 4 } }],
  })
  expect(config).toEqual({
    max_restarts: 1, description: 'template', name: 'cluster', labels: ['law'], resources: { priority: 60, max_slots: 4 },
    environment: {
      image: { cpu: 'user:1', cuda: 'user:1', rocm: 'user:1' },
      environment_variables: { cpu: ['A=cluster', 'B=1', 'A=pool'], cuda: ['A=cluster', 'B=1'], rocm: ['A=cluster', 'B=1'] },
    },
  })
})

test('storage: the user over the workspace over the master, fields of one type alone, retention always', () => {
  const storages = { workspaceStorage: { type: 's3', bucket: 'of-workspace', save_trial_best: 7 }, masterStorage: { type: 's3', bucket: 'of-master', prefix: 'p', endpoint_url: 'http://e' } }
  expect(layered({}, storages)['checkpoint_storage']).toEqual({ type: 's3', bucket: 'of-workspace', prefix: 'p', endpoint_url: 'http://e', save_trial_best: 7 })
  expect(layered({ checkpoint_storage: { save_trial_latest: 3 } }, storages)['checkpoint_storage']).toMatchObject({ bucket: 'of-workspace', save_trial_latest: 3, save_trial_best: 7 })
  expect(layered({ checkpoint_storage: { type: 'directory', container_path: '/c' } }, storages)['checkpoint_storage']).toEqual({ type: 'directory', container_path: '/c', save_trial_best: 7 })
  expect(layered({ checkpoint_storage: null }, { masterStorage: { type: 'directory', container_path: '/m' } })['checkpoint_storage']).toEqual({ type: 'directory', container_path: '/m' })
})

test.each<[string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>]>([
  ['another searcher takes over what all have', { searcher: { name: 'single' } }, { searcher: { name: 'random', metric: 'm', max_trials: 3 } }, { searcher: { name: 'single', metric: 'm' } }],
  ['a range does not mix with a nest', { hyperparameters: { a: { b: 1 } } }, { hyperparameters: { a: { type: 'int', minval: 1, maxval: 2 }, c: 1 } }, { hyperparameters: { a: { b: 1 }, c: 1 } }],
  ['a place inside the container is taken once', { bind_mounts: [{ host_path: '/u', container_path: '/x' }] }, { bind_mounts: [{ host_path: '/t', container_path: '/x' }, { host_path: '/t', container_path: '/y' }] }, {
    bind_mounts: [{ host_path: '/t', container_path: '/y' }, { host_path: '/u', container_path: '/x' }],
  }],
  ['gpu and cuda are one', { environment: { image: { gpu: 'u' } } }, { environment: { image: { cuda: 't', cpu: 'c' } } }, { environment: { image: { cuda: 'u', cpu: 'c' } } }],
])('%s', (_, user, template, expected) => {
  expect(layered(user, { template })).toEqual(expected)
})

test('the retention alone is completed by the storage of the master', () => {
  const text = 'entrypoint: x\nsearcher: {name: single, metric: m}\ncheckpoint_storage: {save_trial_best: 5}'
  const alone = parseExperimentConfig(text)
  expect(alone).toMatchObject({ ok: true, config: { checkpoint_storage: null }, warnings: [{ path: 'checkpoint_storage' }] })
  expect(parseExperimentConfig(text, { masterStorage: { type: 's3', bucket: 'abc' } })).toMatchObject({ ok: true, config: { checkpoint_storage: { type: 's3', bucket: 'abc', save_trial_best: 5, save_trial_latest: 1 } }, warnings: [] })
})

test('the schema for editors knows every field', () => {
  const schema = experimentSchema()
  expect(schema).toMatchObject({ type: ['object', 'null'], required: ['entrypoint', 'searcher'], additionalProperties: false, properties: { resources: { properties: { priority: { minimum: 1, maximum: 99 } } } } })
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema)
})
