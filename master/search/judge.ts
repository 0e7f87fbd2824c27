import { bestOf, enter, scoreOf, WORST } from './rung.ts'
import type { LiveTrial, SearchAction, SearchEvent, SearchState } from './words.ts'

/**
 * A validation report under halving: at each rung whose target the trial has reached it is compared with all that were
 * there before, and goes on only among the best 1/divisor of them. At the last rung it is done. Stopping-based: nobody
 * waits for others, and who was stopped is not resumed. Searches without rungs decide nothing here.
 */
export function judge(state: SearchState, live: LiveTrial, report: Extract<SearchEvent, { type: 'validated' }>, actions: SearchAction[]): void {
  const { searcher } = state.config
  const rungs = state.brackets[live.bracket]?.rungs ?? []
  if (rungs.length === 0 || !('divisor' in searcher)) return
  const { trial, time } = report
  if (time === null || !Number.isFinite(time)) return noTime(state, trial, searcher.time_metric, actions)
  const score = scoreOf(report.metric, searcher.smaller_is_better)
  for (let rung = rungs[live.rung]; rung !== undefined && time >= rung.target; rung = rungs[live.rung]) {
    live.rung += 1
    const isBest = enter(rung, score, searcher.divisor)
    if (isBest && live.rung < rungs.length) continue
    live.stopping = true
    const count = rung.top.length + rung.rest.length
    const reason = live.rung === rungs.length
      ? `it reached the last rung, ${searcher.time_metric} ${rung.target}`
      : `at rung ${live.rung} of ${rungs.length} (${searcher.time_metric} ${rung.target}) its ${searcher.metric} is ${score === WORST ? 'no number' : `not among the best ${bestOf(count, searcher.divisor)} of ${count}`}`
    actions.push({ type: 'stop', trial, reason })
    return
  }
}

/** A trial that failed counts as the worst at the rung it was on its way to. */
export function drop(state: SearchState, live: LiveTrial): void {
  const { searcher } = state.config
  const rung = state.brackets[live.bracket]?.rungs[live.rung]
  if (rung !== undefined && 'divisor' in searcher) enter(rung, WORST, searcher.divisor)
}

/** Said once: it will be the same for every report of every trial. */
function noTime(state: SearchState, trial: number, metric: string, actions: SearchAction[]): void {
  if (state.noted) return
  state.noted = true
  actions.push({ type: 'note', trial, reason: `its validation report lacks the time metric ${JSON.stringify(metric)}, so it cannot be compared: report it together with the searcher's metric` })
}
