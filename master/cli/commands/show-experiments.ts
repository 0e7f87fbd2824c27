import { costText, metricsText, shareText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { stateWord } from '../shapes.ts'
import type { Experiment, Trial } from '../shapes.ts'

export async function listExperiments(invocation: Invocation, options: { all: boolean; limit: number }): Promise<void> {
  const client = await invocation.client()
  const { experiments = [] } = await client.get<{ experiments?: Experiment[] }>('/api/v1/experiments', {
    limit: options.limit, sortBy: 'SORT_BY_ID', orderBy: 'ORDER_BY_DESC', archived: options.all ? undefined : false,
  })
  if (invocation.terminal.json) return invocation.terminal.data(experiments)
  await invocation.terminal.table(
    ['ID', 'NAME', 'STATE', 'PROGRESS', 'OWNER', 'POOL', 'STARTED', 'ENDED'],
    experiments.map((one) => [String(one.id), one.name, stateWord(one.state), shareText(one.progress), one.username, one.resourcePool ?? '', whenText(one.startTime), whenText(one.endTime)]),
  )
}

export async function describeExperiment(invocation: Invocation, id: number): Promise<void> {
  const { terminal } = invocation
  const client = await invocation.client()
  const { experiment } = await client.get<{ experiment: Experiment }>(`/api/v1/experiments/${id}`)
  const { trials = [] } = await client.get<{ trials?: Trial[] }>(`/api/v1/experiments/${id}/trials`)
  if (terminal.json) return terminal.data({ experiment, trials })
  await terminal.table(['EXPERIMENT', String(experiment.id)], factsOf(experiment))
  terminal.line('')
  await terminal.table(
    ['TRIAL', 'STATE', 'STEPS', 'RESTARTS', 'CHECKPOINTS', 'LATEST VALIDATION', 'STARTED', 'ENDED'],
    trials.map((one) => [
      String(one.id), stateWord(one.state), String(one.totalBatchesProcessed ?? 0), String(one.restarts ?? 0), String(one.checkpointCount ?? 0),
      metricsText(one.latestValidation?.metrics?.avgMetrics), whenText(one.startTime), whenText(one.endTime),
    ]),
  )
}

function factsOf(experiment: Experiment): string[][] {
  const facts: [string, string][] = [
    ['name', experiment.name],
    ['description', experiment.description ?? ''],
    ['labels', (experiment.labels ?? []).join(', ')],
    ['state', stateWord(experiment.state)],
    ['reason', experiment.drover?.stateReason || experiment.drover?.waitReason || ''],
    ['progress', shareText(experiment.progress)],
    ['owner', experiment.username],
    ['pool', experiment.resourcePool ?? ''],
    ['cost', experiment.drover?.cost && experiment.drover.cost.total !== 0 ? costText(experiment.drover.cost) : ''],
    ['started', whenText(experiment.startTime)],
    ['ended', whenText(experiment.endTime)],
  ]
  return facts.filter(([, value]) => value !== '')
}
