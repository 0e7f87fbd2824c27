import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExperimentConfig } from './parse-experiment-config.ts'

const GOOD = 'name: a\nentrypoint: python3 train.py\nsearcher: {name: single, metric: loss}\nenvironment: {image: img}\n'
const paths = (text: string): string[] => {
  const parsed = parseExperimentConfig(text)
  return parsed.ok ? [] : parsed.errors.map((error) => error.path)
}

test('a small configuration is defaulted', () => {
  const parsed = parseExperimentConfig(GOOD)
  expect(parsed).toMatchObject({ ok: true, warnings: [], config: { name: 'a', max_restarts: 5, resources: { slots_per_trial: 1, priority: null }, environment: { image: { cpu: 'img', cuda: 'img' } } } })
})

test('every mistake is named at once, with path and what is allowed', () => {
  const parsed = parseExperimentConfig('name: a\nentrypoint: x\nsearcher: {name: singel, metric: loss}\nresources: {slots_per_trial: -1, prioriy: 3}\nmax_restarts: many\n')
  expect(parsed.ok ? [] : parsed.errors).toEqual([
    { path: 'searcher.name', message: 'is "singel": one of single is allowed, did you mean single?' },
    { path: 'resources.slots_per_trial', message: 'is -1: a whole number from 0 to 65536 is allowed' },
    { path: 'resources.prioriy', message: 'is not a known key, did you mean priority?' },
    { path: 'max_restarts', message: 'is "many": a whole number from 0 to 1000000 is allowed' },
  ])
})

test.each([
  ['', ['']],
  ['[1, 2]', ['']],
  ['a: b: c', ['']],
  [GOOD + 'name: twice\n', ['']],
  [GOOD + 'description: "a\\0b"\n', ['description']],
  [GOOD + '__proto__: {x: 1}\n', ['__proto__']],
  [GOOD + 'hyperparameters: {lr: {type: double, minval: 0, maxval: 1}}\n', ['hyperparameters.lr.type']],
  [GOOD + 'bind_mounts: [{host_path: data, container_path: /data}]\n', ['bind_mounts[0].host_path']],
  [GOOD + 'checkpoint_storage: {type: s3}\n', ['checkpoint_storage.bucket']],
  ['name: a\n', ['entrypoint', 'searcher.name', 'searcher.metric']],
])('refused: %j', (text, expected) => {
  expect(paths(text)).toEqual(expected)
})

test('keys without meaning here are accepted and named', () => {
  const parsed = parseExperimentConfig(GOOD + 'profiling: {enabled: true}\nrecords_per_epoch: 5\n')
  expect(parsed.ok && parsed.warnings.map((warning) => warning.path)).toEqual(['profiling', 'records_per_epoch'])
})

test.each([
  ['depth', '['.repeat(100_000)],
  ['depth, block', Array.from({ length: 20_000 }, (_, index) => ' '.repeat(Math.min(index, 100)) + '- a:').join('\n')],
  ['dashes', '- '.repeat(60_000)],
  ['aliases', `a: &a [x]\nb: [${'*a,'.repeat(5_000)}]`],
  ['bomb', Array.from({ length: 12 }, (_, index) => `k${index}: &k${index} [${index === 0 ? 'x' : `*k${index - 1},`.repeat(9)}]`).join('\n')],
  ['size', 'x'.repeat(300_000)],
])('a bomb is refused quickly: %s', (_name, text) => {
  const from = performance.now()
  expect(parseExperimentConfig(text).ok).toBe(false)
  expect(performance.now() - from).toBeLessThan(2_000)
})

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'grapheme' })), (text) => typeof parseExperimentConfig(text).ok === 'boolean'), { numRuns: 1_000 })
})
