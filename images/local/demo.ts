import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openApi, packDirectory, type Api } from './api.ts'
import { logIn, type Cluster } from './cluster.ts'
import { phase, say, untilAborted, withCluster } from './session.ts'

/** `npm run demo`: the local cluster, one real training run followed to its end, a summary. `--once` then ends by itself. */
const EXAMPLE = join(resolve(import.meta.dirname, '..'), 'examples/fashion-mnist')
const once = process.argv.includes('--once')

interface Trial { id: number; state: string; latestValidation?: { metrics: { avgMetrics: Record<string, number> }; totalBatches: number } | null; totalBatchesProcessed: number }
interface Experiment { id: number; state: string; progress?: number }
interface Checkpoint { uuid: string; state: string; resources: Record<string, string>; metadata: Record<string, unknown> }

process.exitCode = await withCluster(async (cluster, signal) => {
  const api = openApi(cluster.run.masterUrl, await logIn(cluster.run.masterUrl, cluster.run.user, cluster.run.password))
  const { experiment } = await phase('submit the example fashion-mnist', () =>
    api.post<{ experiment: Experiment }>('/api/v1/experiments', { config: readFileSync(join(EXAMPLE, 'config.yaml'), 'utf8'), contextTgz: packDirectory(EXAMPLE), activate: true }),
  )
  const ended = await follow(api, experiment.id, signal)
  if (signal.aborted) return 130
  await summary(api, cluster, ended)
  if (!once) {
    say('\nThe cluster runs on. Stop it with Ctrl-C.')
    await untilAborted(signal)
  }
  return ended.state === 'STATE_COMPLETED' ? 0 : 1
})
process.exit(process.exitCode)

/** Log lines as they come, and a progress line that lives below them on a terminal. */
async function follow(api: Api, id: number, signal: AbortSignal): Promise<Experiment> {
  const trial = await firstTrial(api, id, signal)
  let status = ''
  const line = (text: string): void => {
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K${text}\n${status}`)
    else say(text)
  }
  const watching = new AbortController()
  const watcher = (async () => {
    for (; !watching.signal.aborted && !signal.aborted; await sleep(500)) {
      const [{ experiment }, { trial: now }] = await Promise.all([api.get<{ experiment: Experiment }>(`/api/v1/experiments/${id}`), api.get<{ trial: Trial }>(`/api/v1/trials/${trial}`)])
      status = `[${bar(experiment.progress ?? 0)}] ${experiment.state.replace('STATE_', '').toLowerCase()}, step ${now.totalBatchesProcessed}${metricsOf(now)}`
      if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K${status}`)
    }
  })().catch((error: unknown) => say(`the progress line stopped: ${String(error)}`))
  await api.lines<{ message: string; log?: string }>(`/api/v1/trials/${trial}/logs?follow=true`, signal, (entry) => line(printable((entry.log ?? entry.message).trimEnd()))).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  watching.abort()
  await watcher
  if (process.stdout.isTTY) process.stdout.write('\n')
  return settled(api, id, signal)
}

async function firstTrial(api: Api, id: number, signal: AbortSignal): Promise<number> {
  for (; ; await sleep(100)) {
    const { trials } = await api.get<{ trials: Trial[] }>(`/api/v1/experiments/${id}/trials`)
    if (trials[0]) return trials[0].id
    signal.throwIfAborted()
  }
}

async function settled(api: Api, id: number, signal: AbortSignal): Promise<Experiment> {
  for (; ; await sleep(100)) {
    const { experiment } = await api.get<{ experiment: Experiment }>(`/api/v1/experiments/${id}`)
    if (/_(COMPLETED|CANCELED|ERROR)$/.test(experiment.state) && !experiment.state.includes('STOPPING')) return experiment
    if (signal.aborted) return experiment
  }
}

async function summary(api: Api, { run }: Cluster, experiment: Experiment): Promise<void> {
  const { trials } = await api.get<{ trials: Trial[] }>(`/api/v1/experiments/${experiment.id}/trials`)
  const { checkpoints } = await api.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment.id}/checkpoints`)
  const newest = checkpoints.toSorted((a, b) => Number(b.metadata['steps_completed']) - Number(a.metadata['steps_completed']))[0]
  say(`\nExperiment ${experiment.id}: ${experiment.state.replace('STATE_', '')}${trials[0] ? metricsOf(trials[0]) : ''}`)
  if (experiment.state !== 'STATE_COMPLETED') {
    const why = await api.get<{ reason?: string }>(`/api/v1/drover/why/experiments/${experiment.id}`)
    say(`  why         ${why.reason ?? 'see its log'}`)
  }
  say(`  checkpoints ${checkpoints.length} committed, below ${run.bucketUrl}`)
  if (newest) {
    say(`  newest      ${newest.uuid} at step ${String(newest.metadata['steps_completed'])}`)
    for (const [name, size] of Object.entries(newest.resources)) say(`              ${printable(name)}  ${size} bytes`)
  }
  say(`  WebUI       ${run.masterUrl}  (user ${run.user}, password ${run.password})`)
}

function metricsOf(trial: Trial): string {
  const values = trial.latestValidation?.metrics.avgMetrics ?? {}
  return Object.entries(values).map(([name, value]) => `, ${name} ${typeof value === 'number' ? value.toFixed(4) : value}`).join('')
}

function bar(share: number): string {
  return '#'.repeat(Math.round(share * 20)).padEnd(20, '.')
}

/** Control characters of a log never reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}
