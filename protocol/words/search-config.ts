/** Types of the search in an experiment configuration; keys are Determined's. The parser fills every optional key. */

/** Legacy length of a trial; a bare number has no unit. */
export type Length = { batches: number } | { records: number } | { epochs: number } | number

interface SearcherCommon {
  metric: string
  smaller_is_better: boolean
  source_trial_id?: number | null
  source_checkpoint_uuid?: string | null
}

/** How long a trial trains is the training script's own business; `max_length` only reaches the script. */
interface WithLength extends SearcherCommon {
  max_length?: Length | null
}

export interface SingleSearcher extends WithLength {
  name: 'single'
}

export interface RandomSearcher extends WithLength {
  name: 'random'
  max_trials: number
  /** 0: no limit */
  max_concurrent_trials: number
}

export interface GridSearcher extends WithLength {
  name: 'grid'
  /** 0: no limit */
  max_concurrent_trials: number
}

interface Halving extends SearcherCommon {
  max_trials: number
  /** above 1: at each rung one in so many goes on */
  divisor: number
  /** 0: the searcher chooses */
  max_concurrent_trials: number
  /** the validation metric that says how far a trial is, as in `batches` */
  time_metric: string
  /** the value of `time_metric` at which a trial is done */
  max_time: number
  max_length?: Length | null
  stop_once?: boolean
}

export interface AsyncHalvingSearcher extends Halving {
  name: 'async_halving'
  num_rungs: number
}

export const ADAPTIVE_MODES = ['aggressive', 'standard', 'conservative'] as const

export interface AdaptiveAshaSearcher extends Halving {
  name: 'adaptive_asha'
  mode: (typeof ADAPTIVE_MODES)[number]
  max_rungs: number
  /** rungs of each bracket; empty: chosen by `mode` */
  bracket_rungs: number[]
}

export type SearcherConfig = SingleSearcher | RandomSearcher | GridSearcher | AsyncHalvingSearcher | AdaptiveAshaSearcher

/** One leaf of the search space. `count` is the number of points of a grid; null where no grid is searched. */
export type Hyperparameter =
  | { type: 'const'; val: unknown }
  | { type: 'categorical'; vals: unknown[] }
  | { type: 'int' | 'double'; minval: number; maxval: number; count: number | null }
  /** base to the power of minval to maxval */
  | { type: 'log'; minval: number; maxval: number; base: number; count: number | null }

/** Maps nest; a map with a `type` is a leaf. */
export interface HyperparameterSpace {
  [name: string]: Hyperparameter | HyperparameterSpace
}

export function isLeaf(node: Hyperparameter | HyperparameterSpace): node is Hyperparameter {
  return typeof node['type'] === 'string'
}
