import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AdaptiveAshaSearcher, AsyncHalvingSearcher } from '../../protocol/words/search-config.ts'
import { bracketsOf } from './brackets.ts'
import { begin, search } from './search.ts'
import type { SearchAction, SearchState } from './words.ts'

const HALVING: AsyncHalvingSearcher = { name: 'async_halving', metric: 'loss', smaller_is_better: true, max_trials: 8, max_concurrent_trials: 8, divisor: 2, num_rungs: 3, time_metric: 'batches', max_time: 8 }
const ADAPTIVE: AdaptiveAshaSearcher = { name: 'adaptive_asha', metric: 'loss', smaller_is_better: true, max_trials: 128, max_concurrent_trials: 16, divisor: 4, mode: 'standard', max_rungs: 5, bracket_rungs: [], time_metric: 'batches', max_time: 64 }

function start(over: Partial<AsyncHalvingSearcher> = {}): SearchState {
  return begin({ searcher: { ...HALVING, ...over }, space: {}, seed: 1 }).state
}

function report(state: SearchState, trial: number, metric: number | null, time: number | null): SearchAction[] {
  return search(state, { type: 'validated', trial, metric, time }).actions
}

describe('rungs', () => {
  test('lie where the paper puts them: r * divisor^k up to max_time', () => {
    const targets = (over: Partial<AsyncHalvingSearcher>): number[] | undefined => bracketsOf({ ...HALVING, ...over })[0]?.rungs.map((rung) => rung.target)
    expect(targets({ divisor: 4, num_rungs: 4, max_time: 256 })).toEqual([4, 16, 64, 256])
    expect(targets({ divisor: 4, num_rungs: 3, max_time: 100 })).toEqual([6, 25, 100])
    expect(targets({ divisor: 4, num_rungs: 5, max_time: 10 })).toEqual([1, 2, 10])
    expect(targets({ num_rungs: 1 })).toEqual([8])
  })
  test('of trials in any order about one in divisor goes on at each', () => {
    const state = start({ divisor: 4, num_rungs: 4, max_time: 64, max_trials: 4096, max_concurrent_trials: 1 })
    for (let trial = 0; !state.over; trial += 1) {
      const metric = (trial * 2654435761) % 4096
      for (const time of [1, 4, 16, 64]) {
        if (report(state, trial, metric, time).some((action) => action.type === 'stop')) break
      }
      search(state, { type: 'ended', trial, end: 'completed' })
    }
    const sizes = state.brackets[0]?.rungs.map((rung) => rung.top.length + rung.rest.length) ?? []
    expect(sizes[0]).toBe(4096)
    for (const [index, size] of sizes.slice(1).entries()) {
      const before = sizes[index] ?? 0
      expect(Math.abs(size - before / 4)).toBeLessThan(4 * Math.log(before))
    }
  })
})

describe('a report', () => {
  test('below the rung decides nothing; at it the best go on and the others stop, each told why', () => {
    const state = start()
    expect(report(state, 0, 5, 1)).toEqual([])
    expect(report(state, 0, 5, 2)).toEqual([])
    expect(report(state, 1, 6, 2)).toEqual([{ type: 'stop', trial: 1, reason: 'at rung 1 of 3 (batches 2) its loss is not among the best 1 of 2' }])
    expect(report(state, 1, 0, 8)).toEqual([])
    expect(report(state, 2, 4, 3)).toEqual([])
    expect(report(state, 3, 4.5, 2)).toEqual([])
  })
  test('larger is better where the configuration says so', () => {
    const state = start({ smaller_is_better: false })
    expect(report(state, 0, 5, 2)).toEqual([])
    expect(report(state, 1, 6, 2)).toEqual([])
    expect(report(state, 2, 5.5, 2)).toMatchObject([{ type: 'stop', trial: 2 }])
  })
  test('far ahead passes several rungs at once, and at the last it is done', () => {
    const state = start()
    expect(report(state, 0, 5, 8)).toEqual([{ type: 'stop', trial: 0, reason: 'it reached the last rung, batches 8' }])
    expect(state.brackets[0]?.rungs.map((rung) => rung.top.length)).toEqual([1, 1, 1])
  })
  test('of no number stops even the first; one without the time metric is named, once', () => {
    const state = start()
    expect(report(state, 0, NaN, 2)).toEqual([{ type: 'stop', trial: 0, reason: 'at rung 1 of 3 (batches 2) its loss is no number' }])
    expect(report(state, 1, 7, 2)).toEqual([])
    expect(report(state, 2, 1, null)).toMatchObject([{ type: 'note', trial: 2 }])
    expect(report(state, 2, 1, null)).toEqual([])
  })
})

describe('a trial that ends early', () => {
  test('failed, it counts as the worst at its next rung', () => {
    const state = start()
    search(state, { type: 'ended', trial: 0, end: 'errored' })
    expect(report(state, 1, 5, 2)).toEqual([])
    expect(report(state, 2, 6, 2)).toMatchObject([{ type: 'stop' }])
    expect(report(state, 3, 5.5, 2)).toEqual([])
  })
  test('of invalid hyperparameters, another is made in its place', () => {
    const state = start({ max_trials: 2, max_concurrent_trials: 2 })
    expect(search(state, { type: 'ended', trial: 0, end: 'invalid-hp' }).actions).toMatchObject([{ type: 'create', trial: 2 }])
    expect(search(state, { type: 'ended', trial: 1, end: 'completed' }).actions).toEqual([])
    expect(search(state, { type: 'ended', trial: 2, end: 'errored' }).actions).toEqual([{ type: 'done', failed: false, reason: 'all of 3 trials have ended, 1 of them well' }])
  })
})

test('a trial that the search stopped has ended well, however its process went down', () => {
  const state = start({ max_trials: 1, max_concurrent_trials: 1 })
  expect(report(state, 0, NaN, 2)).toMatchObject([{ type: 'stop' }])
  expect(search(state, { type: 'ended', trial: 0, end: 'canceled' }).actions).toMatchObject([{ type: 'done', failed: false }])
})

describe('brackets', () => {
  const sizes = (over: Partial<AdaptiveAshaSearcher>): [number, number][] => bracketsOf({ ...ADAPTIVE, ...over }).map((bracket) => [bracket.rungs.length, bracket.trials])
  test('by mode: the more rungs, the more trials', () => {
    expect(sizes({})).toEqual([[4, 89], [3, 29], [2, 10]])
    expect(sizes({ mode: 'aggressive' })).toEqual([[4, 128]])
    expect(sizes({ mode: 'conservative' }).map(([rungs]) => rungs)).toEqual([4, 3, 2, 1])
    expect(sizes({ max_rungs: 2 }).map(([rungs]) => rungs)).toEqual([2, 1])
    expect(sizes({ bracket_rungs: [2, 3] }).map(([rungs]) => rungs)).toEqual([3, 2])
    expect(sizes({ bracket_rungs: [1, 2, 3], max_trials: 1 })).toEqual([[3, 1]])
  })
  test('together they have exactly the trials of the configuration, and none is empty', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 1_000 }), fc.constantFrom(1.5, 2, 3, 4), fc.constantFrom('aggressive' as const, 'standard' as const, 'conservative' as const), (max_trials, max_time, divisor, mode) => {
      const brackets = bracketsOf({ ...ADAPTIVE, max_trials, max_time, divisor, mode })
      expect(brackets.reduce((sum, bracket) => sum + bracket.trials, 0)).toBe(max_trials)
      for (const { trials, rungs } of brackets) {
        expect(trials).toBeGreaterThan(0)
        expect(rungs.at(-1)?.target).toBe(max_time)
        expect(rungs.every((rung, index) => index === 0 || rung.target > (rungs[index - 1]?.target ?? 0))).toBe(true)
      }
    }))
  })
  test('they are filled side by side', () => {
    const { actions } = begin({ searcher: { ...ADAPTIVE, max_concurrent_trials: 12 }, space: {}, seed: 1 })
    expect(actions.filter((action) => action.reason.includes('bracket 1')).length).toBeGreaterThan(6)
    expect(actions.filter((action) => action.reason.includes('bracket 3')).length).toBeGreaterThan(0)
  })
})
