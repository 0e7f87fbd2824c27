import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_IMAGE } from './config/environment.ts'
import type { ExperimentConfig } from './experiment-config.ts'
import { parseExperimentConfig } from './parse-experiment-config.ts'

const LEAST = 'entrypoint: python3 train.py\nsearcher: {name: single, metric: loss}\n'

function parsed(text: string): ExperimentConfig {
  const result = parseExperimentConfig(text)
  if (!result.ok) throw new Error(JSON.stringify(result.errors))
  return result.config
}

function mistakes(text: string): string[] {
  const result = parseExperimentConfig(text)
  return result.ok ? [] : result.errors.map(({ path, message }) => `${path}: ${message}`)
}

describe('defaults', () => {
  test('of the least configuration', () => {
    const { name, reproducibility, ...rest } = parsed(LEAST)
    expect(name).toMatch(/^[a-z]+-[a-z]+-[a-z]+$/)
    expect(reproducibility.experiment_seed).toBeLessThan(2 ** 31)
    const each = <T>(one: T): { cpu: T; cuda: T; rocm: T } => ({ cpu: one, cuda: one, rocm: one })
    expect(rest).toEqual({
      description: '', labels: [], workspace: '', project: '', entrypoint: 'python3 train.py',
      environment: {
        image: each(DEFAULT_IMAGE), environment_variables: each([]), force_pull_image: false, registry_auth: null, ports: {}, proxy_ports: [], add_capabilities: [], drop_capabilities: [], pod_spec: null,
      },
      hyperparameters: {}, searcher: { name: 'single', metric: 'loss', smaller_is_better: true, source_trial_id: null, source_checkpoint_uuid: null, max_length: null },
      resources: { slots_per_trial: 1, max_slots: null, weight: 1, resource_pool: '', priority: null, shm_size: null, devices: [], is_single_node: false, native_parallel: false },
      max_restarts: 5, checkpoint_storage: null, bind_mounts: [], preemption_timeout: 3600,
      scheduling_unit: 100, records_per_epoch: 0, perform_initial_validation: false, min_validation_period: { batches: 0 }, min_checkpoint_period: { batches: 0 }, checkpoint_policy: 'best',
      profiling: { enabled: false, begin_on_batch: 0, end_after_batch: null, sync_timings: true },
      optimizations: {
        aggregation_frequency: 1, average_aggregated_gradients: true, average_training_metrics: true, gradient_compression: false, grad_updates_size_file: null, mixed_precision: 'O0',
        tensor_fusion_threshold: 64, tensor_fusion_cycle_time: 1, auto_tune_tensor_fusion: false,
      },
      debug: false, data: {}, data_layer: null,
      log_policies: [{ name: 'CUDA OOM', pattern: '.*CUDA out of memory.*', action: null }, { name: 'ECC Error', pattern: '.*uncorrectable ECC error encountered.*', action: null }],
      retention_policy: { log_retention_days: null }, integrations: null, slurm: { slots_per_node: null, gpu_type: null, sbatch_args: [] }, pbs: { slots_per_node: null, pbsbatch_args: [] },
      security: null, tensorboard_storage: null, internal: null,
    })
  })
  test('the same text gives the same name and seed, another text others', () => {
    expect(parsed(LEAST)).toEqual(parsed(LEAST))
    expect(parsed(LEAST).reproducibility).not.toEqual(parsed(`${LEAST}description: b\n`).reproducibility)
  })
})

describe('accepted forms', () => {
  test.each<[string, (config: ExperimentConfig) => unknown, unknown]>([
    ['environment: {image: "a:b"}', (c) => c.environment.image, { cpu: 'a:b', cuda: 'a:b', rocm: 'a:b' }],
    ['environment: {image: {gpu: "a:b"}}', (c) => c.environment.image, { cpu: DEFAULT_IMAGE, cuda: 'a:b', rocm: DEFAULT_IMAGE }],
    ['environment: {environment_variables: ["A=1=2", B]}', (c) => c.environment.environment_variables.cpu, ['A=1=2', 'B']],
    ['environment: {environment_variables: {cpu: [A=1]}}', (c) => c.environment.environment_variables, { cpu: ['A=1'], cuda: [], rocm: [] }],
    ['hyperparameters: {lr: 0.1, nest: {on: true, list: [1, a]}, c: {type: const, val: x}}', (c) => c.hyperparameters, {
      lr: { type: 'const', val: 0.1 }, nest: { on: { type: 'const', val: true }, list: { type: 'const', val: [1, 'a'] } }, c: { type: 'const', val: 'x' },
    }],
    ['resources: {slots_per_trial: 0, shm_size: 4 GiB, priority: 99}', (c) => [c.resources.slots_per_trial, c.resources.priority, c.resources.shm_size], [0, 99, 2 ** 32]],
    ['resources: {shm_size: "500 MB"}', (c) => c.resources.shm_size, 500 * 2 ** 20],
    ['resources: {shm_size: 1.5g}', (c) => c.resources.shm_size, 1.5 * 2 ** 30],
    ['checkpoint_storage: {type: s3, bucket: my-bucket}', (c) => c.checkpoint_storage, {
      type: 's3', bucket: 'my-bucket', prefix: null, endpoint_url: null, access_key: null, secret_key: null, save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1,
    }],
    ['checkpoint_storage: {type: directory, container_path: /c, save_trial_latest: 3}', (c) => c.checkpoint_storage?.save_trial_latest, 3],
    ['bind_mounts: [{host_path: /a, container_path: /b, read_only: true}]', (c) => c.bind_mounts, [{ host_path: '/a', container_path: '/b', read_only: true, propagation: 'rprivate' }]],
    ['labels: [a, b, a]', (c) => c.labels, ['a', 'b']],
    ['reproducibility: {experiment_seed: 7}', (c) => c.reproducibility, { experiment_seed: 7 }],
    ['description: null\nresources:', (c) => [c.description, c.resources.slots_per_trial], ['', 1]],
    ['hyperparameters:\n  a: &base {x: 1, y: 2}\n  b: {<<: *base, y: 3}', (c) => c.hyperparameters['b'], { x: { type: 'const', val: 1 }, y: { type: 'const', val: 3 } }],
    ['description: |\n  one\n  two\nmax_restarts: 0', (c) => [c.description, c.max_restarts], ['one\ntwo\n', 0]],
  ])('%s', (text, take, expected) => {
    expect(take(parsed(LEAST + text))).toEqual(expected)
  })
  test('JSON with tabs', () => {
    expect(parsed('{\n\t"entrypoint": ["a", ""],\n\t"searcher": {"name": "single", "metric": "m"}\n}').entrypoint).toEqual(['a', ''])
  })
})

describe('mistakes', () => {
  test('all come at once', () => {
    expect(mistakes('entrypont: x\nsearcher: {name: randon, metric: m, max_trials: 3}\nresources: {slots_per_trial: -1, prority: 3}')).toEqual([
      'entrypont: unknown key "entrypont"; did you mean "entrypoint"?',
      'entrypoint: is missing; write the command that starts the training, as in "python3 train.py"',
      'searcher.name: found "randon" (text); allowed: single, random, grid, async_halving, adaptive_asha; did you mean "random"?',
      'resources.prority: unknown key "prority"; did you mean "priority"?',
      'resources.slots_per_trial: found -1 (a number); a whole number from 0 to 65536 is needed',
    ])
  })
  test.each([
    ['name: ""', 'name: found "" (text); it must not be blank'],
    [`name: ${'x'.repeat(129)}`, 'name: found text of 129 characters; at most 128 are allowed'],
    ['name: "a\\nb"', 'name: found "a\\nb" (text); control characters are not allowed'],
    ['name: "a\\0b"', 'name: found a NUL character; it is not allowed in any text'],
    ['name: !foo bar', 'name: tag "!foo" is not allowed; write a plain value'],
    ['name: a\nname: b', 'name: this key stands here twice; keep one'],
    ['labels: x', 'labels: found "x" (text); a list of short texts is needed'],
    ['__proto__: {a: 1}', '__proto__: the key "__proto__" is not allowed'],
    ['hyperparameters: {constructor: 1}', 'hyperparameters.constructor: the key "constructor" is not allowed'],
    ['hyperparameters: {lr: {type: log, minval: -3, maxval: -1, base: 10}}', 'hyperparameters.lr.type: found "log" (text); searcher single takes constants only: write the value itself, or {type: const, val: ...}'],
    ['hyperparameters: {lr: {type: const}}', 'hyperparameters.lr.val: is missing; a const needs its value'],
    ['hyperparameters: {lr: .nan}', 'hyperparameters.lr: found NaN; only finite numbers are allowed'],
    ['hyperparameters: [1]', 'hyperparameters: found a list of 1; a map from name to value is needed'],
    ['resources: {slots: 2}', 'resources.slots: is not for experiments; write slots_per_trial'],
    ['resources: {priority: 100}', 'resources.priority: found 100 (a number); a whole number from 1 to 99 is needed'],
    ['resources: {shm_size: 4 GB RAM}', 'resources.shm_size: found "4 GB RAM" (text); bytes or a size such as "4 GiB" or "500 MB" is needed'],
    ['resources: {slots_per_trial: 1.5}', 'resources.slots_per_trial: found 1.5 (a number); a whole number from 0 to 65536 is needed'],
    ['environment: {environment_variables: ["=x"]}', 'environment.environment_variables[0]: found "=x" (text); KEY=value or KEY is needed'],
    ['environment: {force_pull_image: yes}', 'environment.force_pull_image: found "yes" (text); true or false is needed'],
    ['environment: {image: {cuba: x}}', 'environment.image.cuba: unknown key "cuba"; did you mean "cuda"?'],
    ['checkpoint_storage: {type: gcp, bucket: b}', 'checkpoint_storage.type: found "gcp" (text); allowed: s3, directory, shared_fs, gcs, azure; did you mean "gcs"?'],
    ['workspace: w', 'project: is missing; give workspace and project together or not at all'],
    ['profiling: {enabled: true, begin_on_batch: 5, end_after_batch: 4}', 'profiling.end_after_batch: found 4, and begin_on_batch is 5; end_after_batch must not be below it'],
    ['checkpoint_storage: {type: s3}', 'checkpoint_storage.bucket: is missing; the name of the bucket is needed'],
    ['checkpoint_storage: {type: s3, bucket: abc, prefix: a/../b}', 'checkpoint_storage.prefix: found "a/../b" (text); a prefix without ".." is needed'],
    ['checkpoint_storage: {type: shared_fs, host_path: rel}', 'checkpoint_storage.host_path: found "rel" (text); an absolute path without ".." is needed'],
    ['bind_mounts: [{host_path: /.., container_path: /b}]', 'bind_mounts[0].host_path: found "/.." (text); an absolute path without ".." is needed'],
    ['bind_mounts: [{host_path: /a, container_path: /b}, {host_path: /c, container_path: /b}]', 'bind_mounts[1].container_path: "/b" is mounted twice; give each mount a place of its own'],
    ['bind_mounts: [{host_path: /a, container_path: /b, propagation: shred}]', 'bind_mounts[0].propagation: found "shred" (text); allowed: rprivate, private, rshared, shared, rslave, slave; did you mean "shared"?'],
    ['preemption_timeout: 0', 'preemption_timeout: found 0 (a number); a whole number from 1 to 604800 is needed'],
    ['reproducibility: {experiment_seed: 2147483648}', 'reproducibility.experiment_seed: found 2147483648 (a number); a whole number from 0 to 2147483647 is needed'],
    ['max_restarts: "3"', 'max_restarts: found "3" (text); a whole number from 0 to 1000000 is needed'],
  ])('%s', (text, expected) => {
    expect(mistakes(LEAST + text)).toEqual([expected])
  })
  test.each([
    ['', ': is empty; at least entrypoint and searcher are needed'],
    ['just text', ': found "just text" (text); a map is needed, with at least entrypoint and searcher'],
    ['a: 1\n---\nb: 2', ': holds more than one document; keep one (remove the line "---")'],
    ['a: [1\nb: 2', ': line 2, column 1: cannot be read as YAML or JSON: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['a: 1\nb: \u0007', ': line 2: found the control character U+0007; only tab and new line are allowed'],
    ['entrypoint: [python3, 3]\nsearcher: {name: single, metric: m}', 'entrypoint[1]: found 3 (a number); text is needed; write it in quotes: "3"'],
    ['entrypoint: []\nsearcher: {name: single, metric: m}', 'entrypoint: names no program; the first argument is the program'],
  ])('of the document: %s', (text, expected) => {
    expect(mistakes(text)).toEqual([expected])
  })
})

test("Determined's other fields are accepted and named in a warning, unless they ask for nothing", () => {
  const result = parseExperimentConfig(`${LEAST}debug: false\ndata: {a: 1}\nworkspace: w\nproject: p\nscheduling_unit: 100\nprofiling: {enabled: true}\nenvironment: {pod_spec: {a: 1}}`)
  expect(result.ok).toBe(true)
  expect(result.warnings.map((one) => one.path).sort()).toEqual(['environment.pod_spec', 'profiling', 'project', 'scheduling_unit', 'workspace'])
  expect(result.warnings.find((one) => one.path === 'environment.pod_spec')?.message).toBe('is accepted and has no effect here: it is for Kubernetes')
})

describe('hostile text', () => {
  const bomb = ['a: &a [x, x]', ...Array.from({ length: 9 }, (_, i) => `k${i}: &k${i} [${Array(9).fill(i === 0 ? '*a' : `*k${i - 1}`).join(',')}]`)].join('\n')
  test.each([
    ['open brackets', '['.repeat(1e5), 'nested too deeply'],
    ['open maps', '{a: '.repeat(5e4), 'nested too deeply'],
    ['dashes', '- '.repeat(1e5), 'nested too deeply'],
    ['question marks', '? '.repeat(1e5), 'nested too deeply'],
    ['stairs', Array.from({ length: 700 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'nested too deeply'],
    ['stairs of dashes', Array.from({ length: 80 }, (_, i) => `${' '.repeat(i * 30)}${'- '.repeat(14)}a:`).join('\n'), 'nested too deeply'],
    ['alias bomb', bomb, 'more than 10000 values'],
    ['many aliases', `a: &a 1\n${'b: *a\n'.repeat(200)}`, 'more than 100 aliases'],
    ['alias to itself', 'a: &a [*a]', 'nested too deeply'],
    ['quotes', '"'.repeat(250_000), 'more than 40000'],
    ['commas', `[${','.repeat(200_000)}`, 'more than 40000'],
    ['anchors', '&a '.repeat(80_000), 'nested too deeply'],
    ['one key many times', 'a:\n'.repeat(80_000), 'more than 40000'],
    ['too long', 'a'.repeat(256 * 1024 + 1), '256 KiB'],
  ])('%s', (_, text, expected) => {
    const started = performance.now()
    expect(mistakes(text)[0]).toContain(expected)
    expect(performance.now() - started).toBeLessThan(1500)
  })
  test('long lists of short lines are no depth', () => {
    expect(parsed(`${LEAST}labels:\n${Array.from({ length: 90 }, (_, i) => `- l${i}\n`).join('')}`).labels).toHaveLength(90)
  })
  test('no text makes it throw', () => {
    const mark = fc.constantFrom('- ', '? ', ': ', '[', ']', '{', '}', ',', '\n', '  ', '"', "'", '&a ', '*a', '!x ', '|', '>', '#', '%', '---\n', 'a', '<<', '\t', '\\0', 'name: ', 'searcher: ')
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(mark).map((marks) => marks.join(''))), (text) => {
      const result = parseExperimentConfig(text)
      return result.ok || result.errors.length > 0
    }), { numRuns: 2000 })
  })
  test('no JSON value makes it throw, and every refusal says why', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    const keys = fc.constantFrom('name', 'labels', 'entrypoint', 'environment', 'hyperparameters', 'searcher', 'resources', 'checkpoint_storage', 'bind_mounts', 'reproducibility', 'x')
    fc.assert(fc.property(fc.dictionary(keys, fc.oneof(value, fc.dictionary(fc.constantFrom('type', 'image', 'metric', 'host_path', 'slots'), value))), (document) => {
      const result = parseExperimentConfig(JSON.stringify(document))
      if (!result.ok) expect(result.errors.every(({ message }) => message.length > 0 && message.length < 1000)).toBe(true)
    }), { numRuns: 1000 })
  })
})
