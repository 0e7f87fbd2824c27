import type { AdaptiveAshaSearcher, AsyncHalvingSearcher } from '../../protocol/words/search-config.ts'
import type { Bracket, Rung } from './words.ts'

type Halving = AsyncHalvingSearcher | AdaptiveAshaSearcher

/** Brackets of a search by halving, those with most rungs first. None is empty, and together they have `max_trials` trials. */
export function bracketsOf(searcher: Halving): Bracket[] {
  const rungs = searcher.name === 'async_halving' ? [searcher.num_rungs] : rungCounts(searcher)
  const shares = trialShares(searcher.max_trials, searcher.divisor, rungs)
  return rungs.flatMap((count, index) => {
    const trials = shares[index] ?? 0
    return trials === 0 ? [] : [{ trials, created: 0, rungs: rungsOf(count, searcher) }]
  })
}

/**
 * Rung i of n is at max_time / divisor^(n-1-i), at least 1; the last is at max_time. Where rounding makes two rungs one,
 * one is enough.
 */
function rungsOf(count: number, { max_time: max, divisor }: Halving): Rung[] {
  const targets = Array.from({ length: count }, (_, index) => Math.max(1, Math.floor(max / divisor ** (count - 1 - index))))
  return [...new Set(targets)].map((target) => ({ target, top: [], rest: [] }))
}

/** No bracket has more rungs than its shortest trial can be divided by, nor than halving its trials leaves any. */
function rungCounts(searcher: AdaptiveAshaSearcher): number[] {
  if (searcher.bracket_rungs.length > 0) return [...searcher.bracket_rungs].sort((a, b) => b - a)
  const { divisor, max_time, max_trials, max_rungs, mode } = searcher
  const most = Math.min(max_rungs, levels(max_time, divisor), levels(max_trials, divisor))
  const least = mode === 'conservative' ? 1 : mode === 'standard' ? Math.floor((most - 1) / 2) + 1 : most
  return Array.from({ length: most - least + 1 }, (_, index) => most - index)
}

/** 1 + floor(log), counted so that exact powers are not lost to rounding. */
function levels(value: number, divisor: number): number {
  let count = 1
  for (let left = value / divisor; left >= 1 && count < 100; left /= divisor) count += 1
  return count
}

/** In proportion to divisor^(rungs-1) / rungs, so that brackets cost about the same; what rounding leaves goes to the first. */
function trialShares(trials: number, divisor: number, rungs: readonly number[]): number[] {
  const weights = rungs.map((count) => divisor ** (count - 1) / count)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let left = trials
  const shares = weights.map((weight) => {
    const share = Math.min(left, Math.max(1, Math.floor((weight / total) * trials)))
    left -= share
    return share
  })
  return shares.map((share, index) => (index === 0 ? share + left : share))
}

/** How many trials run at once where the configuration leaves it open: what the smallest bracket could use, in each. */
export function ownLimit(searcher: Halving, brackets: readonly Bracket[]): number {
  const smallest = Math.min(...brackets.map((bracket) => bracket.trials))
  return Math.min(searcher.max_trials, brackets.length * Math.max(smallest, Math.ceil(searcher.divisor)))
}
