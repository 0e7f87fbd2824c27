import { begin, search } from './search.ts'
import type { SearchAction, SearchConfig, SearchEvent, Searched, TrialEnd } from './words.ts'

/** What trials do, step by step: which of those alive, what it does, how good it is, how far it has come. */
export type Script = readonly { who: number; what: 'report' | 'end' | 'fail' | 'invalid' | 'twice' | 'no-time'; metric: number | null; step: number }[]

export interface Played {
  events: SearchEvent[]
  actions: SearchAction[]
  /** most trials alive at once */
  widest: number
  final: Searched['state']
}

const ENDS: Readonly<Record<string, TrialEnd>> = { end: 'completed', fail: 'errored', invalid: 'invalid-hp' }

/**
 * A whole search against a script that is gone through again and again; whoever is told to stop ends at its next turn,
 * and when the script has been seen often enough every trial just ends. `between` may write the state out and read it back.
 */
export function play(config: SearchConfig, script: Script, between: (state: Searched['state']) => Searched['state'] = (state) => state): Played {
  const first = begin(config)
  const played: Played = { events: [], actions: [], widest: 0, final: first.state }
  const alive: { trial: number; time: number; stopping: boolean }[] = []
  take(first.actions)
  for (let turn = 0; alive.length > 0 && turn < 5_000; turn += 1) {
    const move = script[turn % script.length]
    const at = (move?.who ?? 0) % alive.length
    const trial = alive[at]
    if (move === undefined || trial === undefined) break
    const what = turn > 1_000 || trial.stopping ? 'end' : move.what
    const end = ENDS[what]
    if (end !== undefined) {
      alive.splice(at, 1)
      tell({ type: 'ended', trial: trial.trial, end })
      continue
    }
    if (what !== 'twice') trial.time += move.step
    tell({ type: 'validated', trial: trial.trial, metric: move.metric, time: what === 'no-time' ? null : trial.time })
  }
  return played

  function tell(event: SearchEvent): void {
    played.events.push(event)
    const searched = search(between(played.final), event)
    played.final = searched.state
    take(searched.actions)
  }
  function take(actions: readonly SearchAction[]): void {
    played.actions.push(...actions)
    for (const action of actions) {
      if (action.type === 'create') alive.push({ trial: action.trial, time: 0, stopping: false })
      const stopped = action.type === 'stop' ? alive.find((one) => one.trial === action.trial) : undefined
      if (stopped !== undefined) stopped.stopping = true
    }
    played.widest = Math.max(played.widest, alive.length)
  }
}
