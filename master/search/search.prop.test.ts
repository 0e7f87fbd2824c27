import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SearcherConfig } from '../../protocol/words/search-config.ts'
import { gridSize } from './grid.ts'
import { play } from './model.rig.ts'
import type { Script } from './model.rig.ts'
import { search } from './search.ts'
import type { SearchAction, SearchConfig } from './words.ts'

const ALIKE = { metric: 'loss', smaller_is_better: true }
const concurrent = fc.constantFrom(0, 1, 2, 5, 16)
const trials = fc.integer({ min: 1, max: 40 })
const halving = { max_trials: trials, max_concurrent_trials: concurrent, divisor: fc.constantFrom(1.5, 2, 3, 4), max_time: fc.integer({ min: 1, max: 300 }), smaller_is_better: fc.boolean() }

const searchers: fc.Arbitrary<SearcherConfig> = fc.oneof(
  fc.constant<SearcherConfig>({ ...ALIKE, name: 'single' }),
  fc.record({ max_trials: trials, max_concurrent_trials: concurrent }).map((of): SearcherConfig => ({ ...ALIKE, ...of, name: 'random' })),
  concurrent.map((max_concurrent_trials): SearcherConfig => ({ ...ALIKE, name: 'grid', max_concurrent_trials })),
  fc.record({ ...halving, num_rungs: fc.integer({ min: 1, max: 6 }) }).map((of): SearcherConfig => ({ ...ALIKE, ...of, name: 'async_halving', time_metric: 'batches' })),
  fc.record({ ...halving, max_rungs: fc.integer({ min: 1, max: 6 }), mode: fc.constantFrom('aggressive' as const, 'standard' as const, 'conservative' as const), bracket_rungs: fc.constantFrom<number[]>([], [], [3, 1]) })
    .map((of): SearcherConfig => ({ ...ALIKE, ...of, name: 'adaptive_asha', time_metric: 'batches' })),
)

const configs: fc.Arbitrary<SearchConfig> = fc.record({ searcher: searchers, seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }) }).map(({ searcher, seed }) => ({
  searcher, seed,
  space: { lr: { type: 'log', minval: -4, maxval: -1, base: 10, count: 3 }, net: { depth: { type: 'int', minval: 1, maxval: 4, count: 4 }, kind: { type: 'categorical', vals: ['a', 'b'] } }, fixed: { type: 'const', val: 7 } },
}))

const scripts: fc.Arbitrary<Script> = fc.array(fc.record({
  who: fc.nat(99), what: fc.constantFrom('report' as const, 'report' as const, 'report' as const, 'end' as const, 'fail' as const, 'invalid' as const, 'twice' as const, 'no-time' as const), metric: fc.oneof(fc.double({ min: -10, max: 10, noNaN: true }), fc.constantFrom(null, NaN, Infinity, -Infinity)), step: fc.integer({ min: 1, max: 90 }),
}), { minLength: 1, maxLength: 120 })

const RUNS = { numRuns: 400 }

function budgetOf({ searcher, space }: SearchConfig): number {
  return searcher.name === 'single' ? 1 : searcher.name === 'grid' ? gridSize(space) : searcher.max_trials
}

function of<T extends SearchAction['type']>(actions: readonly SearchAction[], type: T): Extract<SearchAction, { type: T }>[] {
  return actions.filter((action): action is Extract<SearchAction, { type: T }> => action.type === type)
}

describe('any search, whatever its trials do', () => {
  test('budget and concurrency are never exceeded, and refused hyperparameters are replaced, not for ever', () => {
    fc.assert(fc.property(configs, scripts, (config, script) => {
      const { events, actions, widest } = play(config, script)
      const budget = budgetOf(config)
      const refused = events.filter((event) => event.type === 'ended' && event.end === 'invalid-hp').length
      const isReplaced = config.searcher.name !== 'single' && config.searcher.name !== 'grid'
      expect(of(actions, 'create').length).toBe(budget + (isReplaced ? Math.min(refused, budget) : 0))
      const limit = config.searcher.name === 'single' ? 1 : config.searcher.max_concurrent_trials
      expect(widest).toBeLessThanOrEqual(limit === 0 ? budget : limit)
    }), RUNS)
  })

  test('I6, I12: each trial is made once and stopped at most once, only while it lives; the end comes once, last, when nothing lives', () => {
    fc.assert(fc.property(configs, scripts, (config, script) => {
      const { events, actions, final } = play(config, script)
      const made = of(actions, 'create').map((action) => action.trial)
      expect(made).toEqual(made.map((_, index) => index))
      const stopped = of(actions, 'stop').map((action) => action.trial)
      expect(new Set(stopped).size).toBe(stopped.length)
      expect(of(actions, 'done')).toHaveLength(1)
      expect(actions.at(-1)?.type).toBe('done')
      expect(Object.keys(final.live)).toEqual([])
      const well = events.filter((event) => event.type === 'ended' && event.end === 'completed').length
      expect(of(actions, 'done')[0]?.failed).toBe(well === 0)
      for (const action of actions) if (action.type !== 'create') expect(action.reason.length).toBeGreaterThan(10)
    }), RUNS)
  })

  test('I9: same configuration and events, same actions; written out and read back at every event, too', () => {
    fc.assert(fc.property(configs, scripts, (config, script) => {
      const whole = play(config, script)
      const restored = play(config, script, (state) => JSON.parse(JSON.stringify(state)))
      expect(restored.actions).toEqual(whole.actions)
      expect(JSON.stringify(restored.final)).toBe(JSON.stringify(whole.final))
    }), RUNS)
  })

  test('a trial has the same hyperparameters and seed whatever happened before it', () => {
    fc.assert(fc.property(configs, scripts, scripts, (config, one, other) => {
      const [a, b] = [one, other].map((script) => of(play(config, script).actions, 'create').map(({ trial, hparams, seed }) => ({ trial, hparams, seed })))
      const length = Math.min(a?.length ?? 0, b?.length ?? 0)
      expect(a?.slice(0, length)).toEqual(b?.slice(0, length))
    }), RUNS)
  })

  test('an event that comes again after its trial has ended, or of a trial nobody made, changes nothing', () => {
    fc.assert(fc.property(configs, scripts, fc.nat(2_000), (config, script, trial) => {
      const { final } = play(config, script)
      const before = JSON.stringify(final)
      expect(search(final, { type: 'validated', trial, metric: 0, time: 1e9 }).actions).toEqual([])
      expect(search(final, { type: 'ended', trial, end: 'invalid-hp' }).actions).toEqual([])
      expect(JSON.stringify(final)).toBe(before)
    }), RUNS)
  })
})
