import { metricsText, shareText } from './format.ts'
import type { Experiment, Trial } from './shapes.ts'

/** What the follower knows of an experiment. */
export interface View {
  experiment: Experiment | null
  trials: Trial[]
  /** newest values by name, of training and validation */
  metrics: Record<string, unknown>
  lost: boolean
}

/** `RUNNING  step 1200  38%  loss 0.31  accuracy 0.89  2 checkpoints`; parts that are not known are left out. */
export function statusText(view: View): string {
  if (view.experiment === null) return view.lost ? 'the master cannot be reached, trying again' : ''
  const { state, progress, drover } = view.experiment
  const steps = Math.max(0, ...view.trials.map((trial) => trial.totalBatchesProcessed ?? 0))
  const restarts = view.trials.reduce((sum, trial) => sum + (trial.restarts ?? 0), 0)
  const checkpoints = Math.max(view.experiment.checkpointCount ?? 0, view.trials.reduce((sum, trial) => sum + (trial.checkpointCount ?? 0), 0))
  return [
    `experiment ${view.experiment.id} ${state}`,
    view.lost ? '(master lost, trying again)' : '',
    steps > 0 ? `step ${steps}` : (drover?.waitReason ?? ''),
    steps > 0 ? shareText(progress) : '',
    metricsText(view.metrics),
    checkpoints > 0 ? `${checkpoints} checkpoint${checkpoints === 1 ? '' : 's'}` : '',
    restarts > 0 ? `${restarts} restart${restarts === 1 ? '' : 's'}` : '',
  ].filter((part) => part !== '').join('  ')
}
