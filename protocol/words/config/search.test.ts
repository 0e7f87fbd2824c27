import { describe, expect, test } from 'vitest'
import { parseExperimentConfig } from '../parse-experiment-config.ts'
import { searcher as SEARCHER } from './searcher.ts'

function read(searcher: string, space = '{}'): ReturnType<typeof parseExperimentConfig> {
  return parseExperimentConfig(`entrypoint: x\nsearcher: ${searcher}\nhyperparameters: ${space}\n`)
}

function mistakes(searcher: string, space?: string): string[] {
  const result = read(searcher, space)
  return result.ok ? [] : result.errors.map(({ path, message }) => `${path}: ${message}`)
}

const WARM = { source_trial_id: null, source_checkpoint_uuid: null }
const ALIKE = { metric: 'm', smaller_is_better: true, ...WARM }

describe('searchers', () => {
  test.each<[string, Record<string, unknown>]>([
    ['{name: single, metric: m, max_length: {batches: 5}, smaller_is_better: false}', { ...ALIKE, name: 'single', smaller_is_better: false, max_length: { batches: 5 } }],
    ['{name: random, metric: m, max_trials: 3, max_length: 100}', { ...ALIKE, name: 'random', max_trials: 3, max_concurrent_trials: 16, max_length: 100 }],
    ['{name: grid, metric: m, max_concurrent_trials: 0}', { ...ALIKE, name: 'grid', max_concurrent_trials: 0, max_length: null }],
    ['{name: async_halving, metric: m, max_trials: 9, num_rungs: 2, time_metric: batches, max_time: 64}', {
      ...ALIKE, name: 'async_halving', max_trials: 9, max_concurrent_trials: 16, num_rungs: 2, divisor: 4, time_metric: 'batches', max_time: 64, max_length: null, stop_once: false,
    }],
    ['{name: adaptive_asha, metric: m, max_trials: 9, max_length: {epochs: 8}, mode: aggressive, bracket_rungs: [3], divisor: 2.5}', {
      ...ALIKE, name: 'adaptive_asha', max_trials: 9, max_concurrent_trials: 16, mode: 'aggressive', max_rungs: 5, bracket_rungs: [3], divisor: 2.5, time_metric: 'epochs', max_time: 8, max_length: { epochs: 8 }, stop_once: false,
    }],
  ])('%s', (text, expected) => {
    const result = read(text)
    expect(result.ok && result.config.searcher).toEqual(expected)
  })
  test('the old max_length is named, as what it is read', () => {
    expect(read('{name: adaptive_asha, metric: m, max_trials: 9, max_length: {records: 8}}').warnings).toEqual([{ path: 'searcher.max_length', message: 'is the old form, read as {time_metric: records, max_time: 8}; the training script must report records with its validation metrics' }])
  })
  test.each([
    ['{name: custom, metric: m, foo: 1}', 'searcher.name: found "custom" (text); custom searchers were removed in Determined 0.38; write random, grid or adaptive_asha, or start the trials yourself, each as an experiment with single'],
    ['{name: adaptive_simple, metric: m, max_trials: 1}', 'searcher.name: found "adaptive_simple" (text); it was replaced by adaptive_asha'],
    ['{metric: m}', 'searcher.name: is missing; write one of single, random, grid, async_halving, adaptive_asha'],
    ['random', 'searcher: found "random" (text); a map is needed, with at least name and metric\nsearcher.metric: is missing; name the metric by which checkpoints are ranked, as in {name: single, metric: validation_loss}'],
    ['{name: random, metric: m}', 'searcher.max_trials: is missing; say how many trials the search may have'],
    ['{name: random, metric: m, max_trials: 0}', 'searcher.max_trials: found 0 (a number); a whole number from 1 to 1000000 is needed'],
    ['{name: random, metric: m, max_trails: 4, max_trials: 4}', 'searcher.max_trails: unknown key "max_trails"; did you mean "max_trials"?'],
    ['{name: single, metric: m, max_trials: 4}', 'searcher.max_trials: is a key of searcher random, async_halving, adaptive_asha, not of single; leave it out'],
    ['{name: grid, metric: m, mode: standard}', 'searcher.mode: is a key of searcher adaptive_asha, not of grid; leave it out'],
    ['{name: async_halving, metric: m, max_trials: 4, time_metric: batches, max_time: 4}', 'searcher.num_rungs: is missing; say at how many rungs trials are compared'],
    ['{name: adaptive_asha, metric: m, max_trials: 4, time_metric: batches}', 'searcher.max_time: is missing; time_metric names the metric that says how far a trial is and max_time where it ends, as in {time_metric: batches, max_time: 1000}'],
    ['{name: adaptive_asha, metric: m, max_trials: 4, max_length: {batches: 4}, max_time: 5}', 'searcher.max_time: found 5 (a number), but max_length says 4 (a number); leave max_length out'],
    ['{name: adaptive_asha, metric: m, max_trials: 4, max_length: {batches: 0}}', 'searcher.max_length.batches: found 0 (a number); a whole number from 1 to 9007199254740991 is needed'],
    ['{name: adaptive_asha, metric: m, max_trials: 4, max_length: {batches: 4}, mode: standart, divisor: 1}', 'searcher.mode: found "standart" (text); allowed: aggressive, standard, conservative; did you mean "standard"?\nsearcher.divisor: found 1 (a number); a number above 1, at most 100000 is needed'],
    ['{name: single, metric: m, source_trial_id: 1, source_checkpoint_uuid: u}', 'searcher.source_checkpoint_uuid: stands beside source_trial_id; keep one of them'],
  ])('%s', (text, expected) => {
    expect(mistakes(text)).toEqual(expected.split('\n'))
  })
  test('an editor is told of all five', () => {
    expect(SEARCHER.schema['properties']).toEqual({ name: { enum: ['single', 'random', 'grid', 'async_halving', 'adaptive_asha'] } })
  })
})

describe('hyperparameters', () => {
  const RANDOM = '{name: random, metric: m, max_trials: 3}'
  test('every kind, nested', () => {
    const result = read(RANDOM, '{a: {type: int, minval: 1, maxval: 8}, n: {b: {type: double, minval: 0, maxval: 0.5, count: 3}, c: {type: log, minval: -5, maxval: -1, base: 10}}, d: {type: categorical, vals: [1, [2], null, x]}, e: 5, f: {}}')
    expect(result.ok && result.config.hyperparameters).toEqual({
      a: { type: 'int', minval: 1, maxval: 8, count: null }, n: { b: { type: 'double', minval: 0, maxval: 0.5, count: 3 }, c: { type: 'log', minval: -5, maxval: -1, base: 10, count: null } },
      d: { type: 'categorical', vals: [1, [2], null, 'x'] }, e: { type: 'const', val: 5 }, f: {},
    })
  })
  test.each([
    ['{type: int, minval: 1.5, maxval: 8}', 'hyperparameters.h.minval: found 1.5 (a number); a whole number from -9007199254740991 to 9007199254740991 is needed'],
    ['{type: int, minval: 8, maxval: 1}', 'hyperparameters.h.minval: found 8, and maxval is 1; minval must be below maxval'],
    ['{type: double, minval: 0}', 'hyperparameters.h.maxval: is missing; the upper end of the range is needed'],
    ['{type: double, minval: "1e-4", maxval: 1}', 'hyperparameters.h.minval: found "1e-4" (text); a number is needed; write it without quotes'],
    ['{type: log, minval: -5, maxval: -1}', 'hyperparameters.h.base: is missing; the base of the logarithm is needed, as in base: 10'],
    ['{type: log, minval: -5, maxval: 400, base: 10}', 'hyperparameters.h: 10 to the power of 400 is no finite number; minval and maxval are exponents'],
    ['{type: categorical, vals: []}', 'hyperparameters.h.vals: found a list of 0; a list of at least one value is needed'],
    ['{type: categorial, vals: [1]}', 'hyperparameters.h.type: found "categorial" (text); allowed: const, categorical, int, double, log; did you mean "categorical"? (a map with "type" is a range to search; for a value of your own write {type: const, val: ...})'],
    ['{type: int, minval: 1, maxval: 2, count: 0}', 'hyperparameters.h.count: found 0 (a number); a whole number from 1 to 1000000 is needed'],
    ['{type: int, min: 1, maxval: 2}', 'hyperparameters.h.min: unknown key "min"; known here: type, minval, maxval, count\nhyperparameters.h.minval: is missing; the lower end of the range is needed'],
  ])('%s', (text, expected) => {
    expect(mistakes(RANDOM, `{h: ${text}}`)).toEqual(expected.split('\n'))
  })
  test('ranges are no mistake where the searcher is unknown', () => {
    expect(mistakes('{name: randon, metric: m}', '{h: {type: int, minval: 1, maxval: 2}}')).toHaveLength(1)
  })
  test('a grid needs counts, nested ones too, and is not endless', () => {
    const GRID = '{name: grid, metric: m}'
    expect(mistakes(GRID, '{a: {type: int, minval: 1, maxval: 9, count: 3}, n: {b: {type: log, minval: 1, maxval: 2, base: 2}}, c: {type: categorical, vals: [1]}}')).toEqual(['hyperparameters.n.b.count: is missing; a grid needs the number of points of each range, as in count: 5'])
    expect(mistakes(GRID, '{a: {type: double, minval: 1, maxval: 9, count: 10000}, b: {type: double, minval: 1, maxval: 9, count: 101}}')).toEqual(['hyperparameters: the grid has 1010000 points; at most 1000000 are allowed: lower a count'])
    expect(mistakes(GRID, '{a: {type: int, minval: 1, maxval: 9, count: 1000000}, b: {type: int, minval: 1, maxval: 9, count: 1000000}}')).toEqual([])
  })
})
