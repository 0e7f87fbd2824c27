import type { Client } from '../../master/cli/client.ts'
import { neutralName } from '../../master/cli/neutral.ts'
import { stateWord, type Experiment } from '../../master/cli/shapes.ts'
import type { Run } from './cluster.ts'
import { say } from './session.ts'

interface Trial {
  id: number
  restarts: number
  latestValidation?: { totalBatches: number; metrics?: { avgMetrics?: Record<string, unknown> } } | null
}
interface Checkpoint {
  uuid: string
  state: string
  resources?: Record<string, string>
  drover?: { steps: number; url: string }
}

/** What the run came to: metrics, the newest checkpoint's place and files, where to look on. */
export async function summarise(client: Client, run: Run, experiment: Experiment): Promise<void> {
  const { trials } = await client.get<{ trials: Trial[] }>(`/api/v1/experiments/${experiment.id}/trials`)
  const { checkpoints } = await client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment.id}/checkpoints`, { limit: 1_000 })
  const committed = checkpoints.filter(({ state }) => stateWord(state) === 'COMPLETED')
  const newest = committed.toSorted((a, b) => (b.drover?.steps ?? 0) - (a.drover?.steps ?? 0))[0]
  say(`\nExperiment ${experiment.id} (${neutralName(experiment.name)}): ${stateWord(experiment.state)}`)
  if (stateWord(experiment.state) !== 'COMPLETED') await sayWhy(client, experiment.id)
  for (const trial of trials) say(`  metrics      ${metricsOf(trial)}${trial.restarts > 0 ? `, after ${trial.restarts} restarts` : ''}`)
  say(`  checkpoints  ${committed.length} committed, below ${run.bucketUrl}`)
  if (newest) sayCheckpoint(newest)
  say(`  WebUI        ${run.masterUrl}  user ${run.user}, password ${run.password}`)
  say('  settings     .drover/run.json; logs in .drover/logs/')
}

function sayCheckpoint({ uuid, resources, drover }: Checkpoint): void {
  say(`  newest       ${uuid}${drover ? ` at step ${drover.steps}\n               ${neutralName(drover.url)}` : ''}`)
  const files = Object.entries(resources ?? {}).filter(([name]) => !name.endsWith('/'))
  for (const [name, size] of files) say(`               ${neutralName(name)}  ${Number(size).toLocaleString('en')} bytes`)
}

function metricsOf({ latestValidation }: Trial): string {
  if (!latestValidation) return 'none reported'
  const values = Object.entries(latestValidation.metrics?.avgMetrics ?? {}).map(([name, value]) => `${neutralName(name)} ${typeof value === 'number' ? value.toFixed(4) : String(value)}`)
  return `${values.join(', ')} at step ${latestValidation.totalBatches}`
}

async function sayWhy(client: Client, id: number): Promise<void> {
  const { experiment } = await client.get<{ experiment: Experiment }>(`/api/v1/experiments/${id}`)
  const reason = experiment.drover?.stateReason ?? ''
  say(`  why          ${reason === '' ? 'its log says more (above)' : neutralName(reason)}`)
}
