import type { HyperparameterSpace, SearcherConfig } from '../../protocol/words/search-config.ts'

/** What a search goes by; it never changes while the search runs. */
export interface SearchConfig {
  searcher: SearcherConfig
  space: HyperparameterSpace
  /** `reproducibility.experiment_seed` */
  seed: number
}

/** Trials are numbered by the search itself: 0, 1, 2 in the order of their creation. */
export type SearchEvent =
  /** a validation report: searcher metric (null: NaN, or none) and time metric (null: none) */
  | { type: 'validated'; trial: number; metric: number | null; time: number | null }
  /** a trial has ended and will not go again; whoever was told to stop ends too */
  | { type: 'ended'; trial: number; end: TrialEnd }

/** completed: by itself, or because the search stopped it. invalid-hp: the script refused its hyperparameters. */
export type TrialEnd = 'completed' | 'errored' | 'canceled' | 'invalid-hp'

/** `reason` is for people. */
export type SearchAction =
  | { type: 'create'; trial: number; hparams: Record<string, unknown>; seed: number; reason: string }
  | { type: 'stop'; trial: number; reason: string }
  /** something a person should know; the search goes on */
  | { type: 'note'; trial: number; reason: string }
  /** nothing runs and nothing will be created; `failed` when no trial ended well */
  | { type: 'done'; failed: boolean; reason: string }

/** Scores seen at one rung, smaller is better: the best 1/divisor of them in `top`, all others in `rest`. Both are heaps. */
export interface Rung {
  /** the value of the time metric at which a trial is compared */
  target: number
  /** negated, so that the worst of the best is at the root */
  top: number[]
  rest: number[]
}

/** A share of the trials with rungs of its own; random, grid and single have one without rungs. */
export interface Bracket {
  trials: number
  created: number
  rungs: Rung[]
}

export interface LiveTrial {
  bracket: number
  /** the next rung it is compared at */
  rung: number
  stopping: boolean
}

/** All of a search, as plain JSON: written and read back between any two events it goes on as if nothing had been. */
export interface SearchState {
  v: 1
  config: SearchConfig
  brackets: Bracket[]
  /** by trial number: those that have not ended, at most `limit` */
  live: Record<string, LiveTrial>
  running: number
  limit: number
  created: number
  completed: number
  /** trials of invalid hyperparameters for which another was made */
  replaced: number
  noted: boolean
  over: boolean
}

export interface Searched {
  state: SearchState
  actions: SearchAction[]
}
