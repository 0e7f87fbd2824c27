import type { ApiCheckpoint } from '../../../protocol/wire/api.ts'
import type { CheckpointStorageConfig } from '../../../protocol/words/experiment-config.ts'
import type { CheckpointRow } from '../../store/queries/checkpoints.ts'
import { storageOfCheckpoint, urlOf } from './storage.ts'
import { shownAllocationId, shownTaskId } from './task-ids.ts'

/** 64-bit integers are strings in Determined's JSON. */
export function sizesAsText(resources: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(resources).map(([name, size]) => [name, String(size)]))
}

export function checkpointShape(row: CheckpointRow, cluster: CheckpointStorageConfig): ApiCheckpoint {
  const storage = row.config?.checkpoint_storage ?? cluster
  const metric = row.validation?.[row.config?.searcher.metric ?? '']
  return {
    uuid: row.uuid,
    taskId: shownTaskId(row.task_id, row.experiment_id),
    allocationId: shownAllocationId(row.allocation_id, row.experiment_id),
    reportTime: (row.report_time ?? row.declared_at).toISOString(),
    state: `STATE_${row.state}`,
    resources: sizesAsText(row.resources),
    metadata: { steps_completed: row.steps, ...row.metadata },
    training: {
      trialId: row.trial_id,
      experimentId: row.experiment_id,
      experimentConfig: row.config === null ? {} : { ...row.config, checkpoint_storage: storageOfCheckpoint(storage, row.prefix) },
      hparams: row.hparams ?? {},
      trainingMetrics: { avgMetrics: row.training ?? {}, batchMetrics: [] },
      validationMetrics: { avgMetrics: row.validation ?? {}, batchMetrics: [] },
      searcherMetric: typeof metric === 'number' ? metric : null,
    },
    drover: {
      allocationId: row.allocation_id, steps: row.steps, epoch: row.epoch, ordinal: row.ordinal, bytes: String(row.bytes), url: urlOf(storage, row.prefix), error: row.error, declaredAt: row.declared_at.toISOString(),
    },
  }
}
