import { bracketsOf } from './brackets.ts'
import { gridPoint, gridSize } from './grid.ts'
import { sample } from './sample.ts'
import type { SearchConfig } from './words.ts'

/** So many trials, each until its time metric has this value; null = until its script ends. */
export interface PreviewRow {
  trials: number
  until: number | null
}

export interface Preview {
  /** trials in all */
  trials: number
  /** the brackets, those with most rungs first; each from its shortest trials to its longest */
  brackets: readonly (readonly PreviewRow[])[]
  /** hyperparameters of the first trials, in the order of their creation */
  points: readonly Record<string, unknown>[]
}

/**
 * What a search comes to when of each rung exactly one trial in `divisor` goes on. A real one stops by who was there so
 * far, and so lets more of the early ones go on.
 */
export function preview(config: SearchConfig, points: number): Preview {
  const { searcher, space, seed } = config
  const brackets = searcher.name === 'async_halving' || searcher.name === 'adaptive_asha'
    ? bracketsOf(searcher).map(({ trials, rungs }) => lengths(trials, rungs.map((rung) => rung.target), searcher.divisor))
    : [[{ trials: searcher.name === 'random' ? searcher.max_trials : searcher.name === 'grid' ? gridSize(space) : 1, until: null }]]
  const trials = brackets.flat().reduce((sum, row) => sum + row.trials, 0)
  const shown = Array.from({ length: Math.min(points, trials) }, (_, trial) => (searcher.name === 'grid' ? gridPoint(space, trial) : sample(space, seed, trial)))
  return { trials, brackets, points: shown }
}

/** Of those that reach a rung one in `divisor`, and always one, goes on to the next. */
function lengths(trials: number, targets: readonly number[], divisor: number): PreviewRow[] {
  let reaching = trials
  return targets.flatMap((until, index) => {
    const going = index === targets.length - 1 ? 0 : Math.max(1, Math.floor(reaching / divisor))
    const row = { trials: reaching - going, until }
    reaching = going
    return row.trials === 0 ? [] : [row]
  })
}
