import { CliError, EXIT } from '../fail.ts'
import { metricsText, numberText, sizeText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { stateWord } from '../shapes.ts'
import type { Checkpoint } from '../shapes.ts'

export async function listCheckpoints(invocation: Invocation, of: { experimentId: number } | { trialId: number }): Promise<void> {
  const client = await invocation.client()
  const path = 'trialId' in of ? `/api/v1/trials/${of.trialId}/checkpoints` : `/api/v1/experiments/${of.experimentId}/checkpoints`
  const { checkpoints = [] } = await client.get<{ checkpoints?: Checkpoint[] }>(path)
  if (invocation.terminal.json) return invocation.terminal.data(checkpoints)
  await invocation.terminal.table(
    ['UUID', 'TRIAL', 'STEPS', 'STATE', 'FILES', 'SIZE', 'METRIC', 'REPORTED'],
    checkpoints.map((one) => [
      one.uuid, numberText(one.training?.trialId), numberText(one.metadata?.['steps_completed']), stateWord(one.state),
      String(filesOf(one).length), sizeText(bytesOf(one)), numberText(one.training?.searcherMetric), whenText(one.reportTime),
    ]),
  )
}

export async function describeCheckpoint(invocation: Invocation, text: string): Promise<void> {
  const { terminal } = invocation
  const uuid = uuidOf(text)
  const client = await invocation.client()
  const { checkpoint } = await client.get<{ checkpoint: Checkpoint }>(`/api/v1/checkpoints/${uuid}`)
  if (terminal.json) return terminal.data({ checkpoint })
  const facts: [string, string][] = [
    ['state', stateWord(checkpoint.state)],
    ['experiment', numberText(checkpoint.training?.experimentId)],
    ['trial', numberText(checkpoint.training?.trialId)],
    ['reported', whenText(checkpoint.reportTime)],
    ['validation', metricsText(checkpoint.training?.validationMetrics?.avgMetrics)],
    ...Object.entries(checkpoint.metadata ?? {}).map(([name, value]): [string, string] => [name, numberText(value)]),
    ['size', sizeText(bytesOf(checkpoint))],
    ['place', checkpoint.drover?.url ?? ''],
    ['error', checkpoint.drover?.error ?? ''],
  ]
  await terminal.table(['CHECKPOINT', checkpoint.uuid], facts.filter(([, value]) => value !== ''))
  terminal.line('')
  await terminal.table(['FILE', 'SIZE'], filesOf(checkpoint).map(([path, size]) => [path, sizeText(size)]))
}

export function uuidOf(text: string): string {
  const uuid = text.toLowerCase()
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return uuid
  throw new CliError(EXIT.usage, `${JSON.stringify(text)} is no checkpoint uuid`, 'drover checkpoint list <experiment> shows them')
}

/** Files with their sizes, sorted; a name that ends in `/` is a directory. */
export function filesOf(checkpoint: Checkpoint): [string, number][] {
  return Object.entries(checkpoint.resources ?? {})
    .filter(([path]) => !path.endsWith('/'))
    .map(([path, size]): [string, number] => [path, Number(size)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function bytesOf(checkpoint: Checkpoint): number {
  return filesOf(checkpoint).reduce((sum, [, size]) => sum + size, 0)
}
