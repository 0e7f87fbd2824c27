import { metricsText, numberText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { stateWord } from '../shapes.ts'
import type { Trial } from '../shapes.ts'

export async function describeTrial(invocation: Invocation, id: number): Promise<void> {
  const { terminal } = invocation
  const client = await invocation.client()
  const { trial } = await client.get<{ trial: Trial }>(`/api/v1/trials/${id}`)
  if (terminal.json) return terminal.data({ trial })
  const facts: [string, string][] = [
    ['experiment', String(trial.experimentId)],
    ['state', stateWord(trial.state)],
    ['reason', trial.drover?.stateReason || trial.drover?.allocation?.waitReason || ''],
    ['allocation', [trial.drover?.allocation?.id ?? '', trial.drover?.allocation?.state ?? '', ...(trial.drover?.allocation?.agents ?? [])].join(' ').trim()],
    ['steps', String(trial.totalBatchesProcessed ?? 0)],
    ['restarts', String(trial.restarts ?? 0)],
    ['checkpoints', trial.checkpointCount === undefined ? '' : String(trial.checkpointCount)],
    ['latest training', metricsText(trial.drover?.latestTraining?.metrics?.avgMetrics)],
    ['latest validation', metricsText(trial.latestValidation?.metrics?.avgMetrics)],
    ['best validation', metricsText(trial.bestValidation?.metrics?.avgMetrics)],
    ['hyperparameters', Object.entries(trial.hparams ?? {}).map(([name, value]) => `${name}=${numberText(value)}`).join(' ')],
    ['started', whenText(trial.startTime)],
    ['ended', whenText(trial.endTime)],
  ]
  await terminal.table(['TRIAL', String(trial.id)], facts.filter(([, value]) => value !== ''))
}
