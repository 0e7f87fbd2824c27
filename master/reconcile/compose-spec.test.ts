import { Compile } from 'typebox/compile'
import { describe, expect, test } from 'vitest'
import { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import { composeSpec, type SpecInput } from './compose-spec.ts'
import { storageConfig, storageOf } from './storage-of.ts'

const config: ExperimentConfig = {
  name: 'Fashion MNIST', description: '', labels: [], entrypoint: 'python3 train.py',
  environment: { image: { cpu: 'img:cpu', cuda: 'img:cuda', rocm: '' }, environment_variables: { cpu: ['A=1=2', 'B', 'DET_TRIAL_ID=mine'], cuda: ['C=3'], rocm: [] }, force_pull_image: false },
  hyperparameters: {}, searcher: { name: 'single', metric: 'loss', smaller_is_better: true },
  resources: { slots_per_trial: 1, resource_pool: '', priority: null, shm_size: null }, max_restarts: 5, checkpoint_storage: null,
  bind_mounts: [{ host_path: '/h', container_path: '/c', read_only: true, propagation: 'rprivate' }], reproducibility: { experiment_seed: 1 }, preemption_timeout: 600,
}
const input: SpecInput = {
  allocation: { id: 'trial-5.2', taskId: 'trial-5', epoch: 2 }, member: { rank: 0, worldSize: 1, slots: ['cpu0'], slotKinds: ['cpu'] },
  experiment: { id: 3, slug: 'fashion-mnist', config, contextDigest: null }, trial: { id: 5, hparams: { lr: 0.1 }, seed: 9 }, owner: null, clusterId: 'c1',
  storage: { type: 's3', bucket: 'b', prefix: 'p/q', endpoint: null, region: null }, restore: null, token: 't',
}

describe('composeSpec', () => {
  test('is valid on the wire; Drover\'s variables lie over the user\'s', () => {
    const spec = composeSpec(input)
    expect(Compile(AllocationSpec).Check(JSON.parse(canonicalJson(spec)))).toBe(true)
    expect(spec).toMatchObject({ image: 'img:cpu', entrypoint: ['sh', '-c', 'python3 train.py'], shmBytes: 4294967296, root: 'p/q/c1/experiments/3-fashion-mnist/trials/5', preemptSeconds: 600, user: { uid: 0 } })
    expect(spec.env).toMatchObject({ A: '1=2', B: '', DET_TRIAL_ID: '5', DET_TRIAL_RUN_ID: '2' })
  })

  test('a GPU takes the cuda image and its variables, the owner his user', () => {
    const spec = composeSpec({ ...input, member: { ...input.member, slotKinds: ['mig'] }, owner: { uid: 7, user: 'ann', gid: 8, group: 'g' } })
    expect(spec).toMatchObject({ image: 'img:cuda', env: { C: '3' }, user: { name: 'ann', uid: 7, group: 'g', gid: 8 } })
  })
})

test('canonicalJson does not hang on the order of keys', () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: undefined })).toBe('{"b":[{"c":2,"d":1}]}')
})

describe('storageOf', () => {
  const master = { type: 's3', bucket: 'm', prefix: '', endpoint: 'http://e', region: 'r' } as const
  const keep = { save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 }
  test('the experiment\'s own place goes before the master\'s', () => {
    expect(storageOf(null, master)).toEqual({ ok: true, storage: master })
    expect(storageOf({ ...keep, type: 'shared_fs', host_path: '/mnt/', container_path: null, storage_path: 'x', propagation: 'rprivate' }, master)).toEqual({ ok: true, storage: { type: 'directory', path: '/mnt/x' } })
    expect(storageOf({ ...keep, type: 's3', bucket: 'b', prefix: null, endpoint_url: 'http://e', access_key: null, secret_key: null }, master)).toEqual({ ok: true, storage: { type: 's3', bucket: 'b', prefix: '', endpoint: 'http://e', region: 'r' } })
  })
  test('the master\'s place written out in a configuration means the same place', () => {
    for (const storage of [master, { type: 'directory', path: '/b' } as const]) expect(storageOf(storageConfig(storage), storage)).toEqual({ ok: true, storage })
  })
  test('credentials in the configuration are refused, not dropped in silence', () => {
    expect(storageOf({ ...keep, type: 's3', bucket: 'b', prefix: null, endpoint_url: null, access_key: 'k', secret_key: 's' }, master)).toMatchObject({ ok: false })
  })
})
