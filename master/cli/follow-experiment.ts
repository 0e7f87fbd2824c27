import { realClock } from '../../protocol/kit/clock.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Client, Query } from './client.ts'
import { CliError, EXIT, isUnreachable } from './fail.ts'
import { followLogs } from './follow-logs.ts'
import { logText } from './format.ts'
import { newestMetrics } from './newest-metrics.ts'
import { hasEnded, stateWord } from './shapes.ts'
import type { Experiment, Trial, TrialLog } from './shapes.ts'
import { statusText, type View } from './status-text.ts'

export interface FollowOptions {
  client: Client
  experimentId: number
  /** `line`: a line of log, neutralised by the receiver; `status`: the newest one-line picture, '' takes it away */
  out: { line(text: string): void; status(text: string): void }
  signal: AbortSignal
  /** how a log entry becomes a line; default is `logText` */
  format?: (entry: TrialLog) => string
  /** filters of the log */
  query?: Query
  pollMs?: number
  clock?: Clock
  random?: () => number
}

const POLL_MS = 1_000
/** How long an ended trial's stream may take to end by itself before the rest is fetched without following. */
const GRACE_MS = 3_000

/**
 * Follows an experiment to its end: every log line of its trials exactly once, and a status line with state, steps,
 * newest metrics and checkpoints. A lost master is waited for, one never reached is an error. Rejects with `CliError`
 * also when the experiment is gone, the session has ended, or `signal` aborts.
 */
export async function followExperiment(options: FollowOptions): Promise<Experiment> {
  const { client, out, signal } = options
  const clock = options.clock ?? realClock
  const random = options.random ?? Math.random
  const ended = new AbortController()
  const stop = new AbortController()
  const all = AbortSignal.any([signal, stop.signal])
  const followed = new Map<number, Promise<void>>()
  const view: View = { experiment: null, trials: [], metrics: {}, lost: false }
  const show = (): void => out.status(statusText(view))

  const followTrial = (trialId: number): Promise<void> =>
    followLogs({
      client, trialId, query: options.query ?? {}, enough: ended.signal, signal: all, clock, random,
      onLine: (entry) => out.line((options.format ?? logText)(entry)),
    })
  const metrics = newestMetrics({ client, signal: all, clock, random, onMetrics: (values) => { view.metrics = { ...view.metrics, ...values }; show() } })

  try {
    for (;;) {
      await poll(view, client, options.experimentId)
      for (const { id } of view.trials) {
        if (followed.has(id)) continue
        followed.set(id, observed(followTrial(id)))
        metrics.watch(id)
      }
      show()
      if (view.experiment !== null && hasEnded(view.experiment.state)) break
      await clock.sleep(options.pollMs ?? POLL_MS, signal)
      if (signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted', `the experiment goes on; follow it again: drover experiment logs -f ${options.experimentId}`)
    }
    const logs = Promise.all(followed.values())
    await Promise.race([logs, clock.sleep(GRACE_MS, all)])
    ended.abort()
    await logs
    return view.experiment
  } finally {
    stop.abort()
    out.status('')
  }
}

/** A promise that is awaited later must not count as unhandled now. */
function observed(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}

async function poll(view: View, client: Client, experimentId: number): Promise<void> {
  try {
    const { experiment } = await client.get<{ experiment: Experiment }>(`/api/v1/experiments/${experimentId}`)
    // Trials are asked after the experiment: an ended experiment gets no more of them.
    const { trials } = await client.get<{ trials?: Trial[] }>(`/api/v1/experiments/${experimentId}/trials`)
    view.experiment = { ...experiment, state: stateWord(experiment.state) }
    view.trials = trials ?? []
    view.lost = false
    for (const trial of view.trials) view.metrics = { ...view.metrics, ...trial.drover?.latestTraining?.metrics?.avgMetrics, ...trial.latestValidation?.metrics?.avgMetrics }
  } catch (error) {
    if (!isUnreachable(error) || view.experiment === null) throw error
    view.lost = true
  }
}
