import { bracketsOf, ownLimit } from './brackets.ts'
import { gridPoint, gridSize } from './grid.ts'
import { judge, drop } from './judge.ts'
import { sample, trialSeed } from './sample.ts'
import type { Bracket, SearchAction, SearchConfig, SearchEvent, SearchState, Searched, TrialEnd } from './words.ts'

/** The state of a new search and its first trials. */
export function begin(config: SearchConfig): Searched {
  const { searcher, space } = config
  const brackets = searcher.name === 'async_halving' || searcher.name === 'adaptive_asha' ? bracketsOf(searcher) : [plain(searcher.name === 'random' ? searcher.max_trials : searcher.name === 'grid' ? gridSize(space) : 1)]
  const state: SearchState = {
    v: 1, config, brackets, live: {}, running: 0, limit: limitOf(config, brackets), created: 0, completed: 0, replaced: 0, noted: false, over: false,
  }
  const actions: SearchAction[] = []
  goOn(state, actions)
  return { state, actions }
}

/**
 * What follows from one event. The state is handed over: it is changed in place and given back, since a copy of a
 * hundred thousand scores at each event would cost more than all decisions. An event of a trial that is unknown,
 * has ended or is told to stop already changes nothing, so events may come twice.
 */
export function search(state: SearchState, event: SearchEvent): Searched {
  const actions: SearchAction[] = []
  const live = state.live[event.trial]
  if (live === undefined) return { state, actions }
  if (event.type === 'ended') {
    end(state, event.trial, event.end, actions)
    goOn(state, actions)
  } else if (!live.stopping) {
    judge(state, live, event, actions)
  }
  return { state, actions }
}

function plain(trials: number): Bracket {
  return { trials, created: 0, rungs: [] }
}

function limitOf({ searcher }: SearchConfig, brackets: readonly Bracket[]): number {
  if (searcher.name === 'single') return 1
  if (searcher.max_concurrent_trials > 0) return searcher.max_concurrent_trials
  return searcher.name === 'random' || searcher.name === 'grid' ? total(brackets) : ownLimit(searcher, brackets)
}

function total(brackets: readonly Bracket[]): number {
  return brackets.reduce((sum, bracket) => sum + bracket.trials, 0)
}

function end(state: SearchState, trial: number, how: TrialEnd, actions: SearchAction[]): void {
  const live = state.live[trial]
  const bracket = state.brackets[live?.bracket ?? 0]
  delete state.live[trial]
  if (live === undefined || bracket === undefined) return
  state.running -= 1
  if (how === 'completed' || live.stopping) state.completed += 1
  else if (how === 'invalid-hp') replace(state, bracket, trial, actions)
  else drop(state, live)
}

/** Another point in its place, where points are drawn; not for ever, should the script refuse them all. */
function replace(state: SearchState, bracket: Bracket, trial: number, actions: SearchAction[]): void {
  const { name } = state.config.searcher
  if (name === 'single' || name === 'grid') return
  if (state.replaced >= total(state.brackets)) {
    actions.push({ type: 'note', trial, reason: `its hyperparameters were refused, as were those of ${state.replaced} trials before; no more are replaced` })
    return
  }
  bracket.created -= 1
  state.replaced += 1
}

/** New trials as far as there is room, or the end. */
function goOn(state: SearchState, actions: SearchAction[]): void {
  while (state.running < state.limit) {
    const index = nextBracket(state.brackets)
    const bracket = state.brackets[index]
    if (bracket === undefined) break
    create(state, bracket, index, actions)
  }
  if (state.running > 0) return
  state.over = true
  const failed = state.completed === 0
  actions.push({ type: 'done', failed, reason: failed ? `none of ${state.created} trials ended well` : `all of ${state.created} trials have ended, ${state.completed} of them well` })
}

function create(state: SearchState, bracket: Bracket, index: number, actions: SearchAction[]): void {
  const { space, seed, searcher } = state.config
  const trial = state.created
  bracket.created += 1
  state.created += 1
  state.running += 1
  state.live[trial] = { bracket: index, rung: 0, stopping: false }
  const hparams = searcher.name === 'grid' ? gridPoint(space, trial) : sample(space, seed, trial)
  const of = state.brackets.length === 1 ? '' : ` of bracket ${index + 1}`
  actions.push({ type: 'create', trial, hparams, seed: trialSeed(seed, trial), reason: `searcher ${searcher.name}: trial ${bracket.created} of ${bracket.trials}${of}` })
}

/** The tournament: whichever bracket has made least of its trials, so that all go on side by side. -1 when all are made. */
function nextBracket(brackets: readonly Bracket[]): number {
  let best = -1
  let least = 1
  brackets.forEach(({ trials, created }, index) => {
    const share = created / trials
    if (share < least) [best, least] = [index, share]
  })
  return best
}
