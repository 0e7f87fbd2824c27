import { begin, search } from '../../master/search/search.ts'
import type { SearchAction, SearchState } from '../../master/search/words.ts'
import type { Row } from './row.ts'

const TRIALS = 100_000
const RUNS = 3
const AT_ONCE = 64
const TARGETS = [1, 4, 16, 64, 256]

/** Adaptive ASHA in memory: every report and every end is one decision. Flat: the last tenth of the trials beside the first. */
export function searchRows(): Row[] {
  // The first run is compiled on the way and says nothing.
  const runs = Array.from({ length: RUNS + 1 }, (_, run) => oneSearch(run)).slice(1)
  return [
    { name: 'ASHA in memory, 100,000 trials', unit: 'decisions/s', ours: runs.map((run) => run.perSecond), peer: runs.map(() => 500_000), peerName: 'the goal', goal: { atLeast: 1 } },
    { name: 'ASHA in memory, last tenth', unit: 'us/decision', ours: runs.map((run) => run.last), peer: runs.map((run) => run.first), peerName: 'its first tenth', goal: { atMost: 1.1 } },
  ]
}

function oneSearch(seed: number): { perSecond: number; first: number; last: number } {
  let random = seed + 1
  const next = (): number => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    return random / 2 ** 32
  }
  const alive: { trial: number; rung: number; metric: number }[] = []
  const take = (actions: readonly SearchAction[]): void => {
    for (const action of actions) if (action.type === 'create') alive.push({ trial: action.trial, rung: 0, metric: next() })
  }
  const begun = begin({
    searcher: { name: 'adaptive_asha', metric: 'loss', smaller_is_better: true, max_trials: TRIALS, divisor: 4, max_concurrent_trials: AT_ONCE, time_metric: 'batches', max_time: 256, mode: 'standard', max_rungs: 5, bracket_rungs: [] },
    space: { lr: { type: 'log', minval: -4, maxval: -1, base: 10, count: null } }, seed,
  })
  take(begun.actions)
  const marks: { at: number; decisions: number }[] = [{ at: performance.now(), decisions: 0 }]
  for (let decisions = 0; alive.length > 0;) {
    decisions += step(begun.state, alive, Math.floor(next() * alive.length), take)
    if (begun.state.created >= (marks.length * TRIALS) / 10 || alive.length === 0) marks.push({ at: performance.now(), decisions })
  }
  const [start = { at: 0, decisions: 0 }, end = start] = [marks[0], marks.at(-1)]
  return { perSecond: (end.decisions / (end.at - start.at)) * 1000, first: cost(marks, 1), last: cost(marks, 9) }
}

/** One trial reports at its next rung; told to stop, it ends. The number of decisions asked for. */
function step(state: SearchState, alive: { trial: number; rung: number; metric: number }[], at: number, take: (actions: readonly SearchAction[]) => void): number {
  const trial = alive[at]
  if (trial === undefined) return 0
  const { actions } = search(state, { type: 'validated', trial: trial.trial, metric: trial.metric, time: TARGETS[trial.rung] ?? Infinity })
  trial.rung += 1
  if (actions.length === 0) return 1
  alive.splice(at, 1)
  take(search(state, { type: 'ended', trial: trial.trial, end: 'completed' }).actions)
  return 2
}

/** Microseconds of one decision between two marks. */
function cost(marks: readonly { at: number; decisions: number }[], index: number): number {
  const [from, to] = [marks[index - 1], marks[index]]
  return from === undefined || to === undefined ? NaN : ((to.at - from.at) / (to.decisions - from.decisions)) * 1000
}
