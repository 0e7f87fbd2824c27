import type { Checkpoint } from '../api/shapes.ts'

interface CheckpointFacts {
  steps: number | null
  bytes: number
  files: number
  /** numbers only, validation before training where both have a name */
  metrics: { name: string; value: number }[]
}

/** What the table shows of a checkpoint, from Determined's shape. */
export function factsOf(checkpoint: Checkpoint): CheckpointFacts {
  const paths = Object.entries(checkpoint.resources).filter(([path]) => !path.endsWith('/'))
  const steps = Number(checkpoint.drover?.steps ?? checkpoint.metadata['steps_completed'] ?? Number.NaN)
  const metrics = new Map<string, number>()
  for (const source of [checkpoint.training.validationMetrics, checkpoint.training.trainingMetrics]) {
    for (const [name, raw] of Object.entries(source?.avgMetrics ?? {})) {
      if (!metrics.has(name) && isNumber(raw)) metrics.set(name, Number(raw))
    }
  }
  return {
    steps: Number.isFinite(steps) ? steps : null,
    bytes: paths.reduce((sum, [, size]) => sum + (Number(size) || 0), 0),
    files: paths.length,
    metrics: [...metrics].map(([name, value]) => ({ name, value })),
  }
}

function isNumber(raw: unknown): boolean {
  return typeof raw === 'number' || raw === 'NaN' || raw === 'Infinity' || raw === '-Infinity'
}

/** Newest first: by steps, then by time of the report. */
export function newestFirst(checkpoints: readonly Checkpoint[]): Checkpoint[] {
  return checkpoints.toSorted((a, b) => (factsOf(b).steps ?? -1) - (factsOf(a).steps ?? -1) || Date.parse(b.reportTime ?? '') - Date.parse(a.reportTime ?? '') || 0)
}
