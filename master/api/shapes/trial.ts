import type { ApiCheckpointWorkload, ApiMetricsWorkload, ApiTrial, ApiWorkload } from '../../../protocol/wire/api.ts'
import type { MetricsSnapshot } from '../../store/schema.ts'
import type { TrialRow } from '../../store/queries/trials.ts'
import type { WorkloadRow } from '../../store/queries/workloads.ts'
import { sizesAsText } from './checkpoint.ts'
import { runState } from './states.ts'
import { shownTaskId } from './task-ids.ts'

export function trialShape(row: TrialRow, nowMs: number): ApiTrial {
  const live = row.allocation !== null && row.allocation.state !== 'SEALED' ? row.allocation.state : null
  return {
    id: row.id,
    experimentId: row.experiment_id,
    state: runState(row.state, live),
    startTime: row.started_at.toISOString(),
    endTime: row.ended_at?.toISOString() ?? null,
    hparams: row.hparams,
    restarts: row.restarts,
    totalBatchesProcessed: row.steps_completed,
    bestValidation: fromSnapshot(row.best_validation),
    latestValidation: fromSnapshot(row.latest_validation),
    bestCheckpoint: bestCheckpoint(row),
    runnerState: row.runner_state,
    wallClockTime: Math.max(0, ((row.ended_at?.getTime() ?? nowMs) - row.started_at.getTime()) / 1000),
    warmStartCheckpointUuid: '',
    taskId: shownTaskId(row.task_id, row.experiment_id),
    taskIds: [shownTaskId(row.task_id, row.experiment_id)],
    checkpointCount: row.checkpoint_count,
    totalCheckpointSize: String(row.checkpoint_bytes),
    searcherMetricValue: row.searcher_metric,
    drover: {
      stateReason: row.state_reason,
      progress: row.state === 'COMPLETED' ? 1 : row.progress,
      seed: row.seed,
      latestTraining: fromSnapshot(row.latest_training),
      allocation: row.allocation === null ? null : allocationShape(row.allocation),
    },
  }
}

export function workloadShape(row: WorkloadRow): ApiWorkload {
  if (row.kind === 'checkpoint') {
    const metadata = { steps_completed: row.steps, ...row.values }
    return { checkpoint: { uuid: row.uuid, endTime: row.at?.toISOString() ?? null, state: `STATE_${row.state}`, resources: sizesAsText(row.resources), totalBatches: row.steps, metadata } }
  }
  return { [row.kind]: metricsWorkload(row.steps, row.at.toISOString(), row.values) }
}

function allocationShape(row: NonNullable<TrialRow['allocation']>): NonNullable<ApiTrial['drover']['allocation']> {
  return {
    id: row.id, state: row.state, want: row.want, wantReason: row.want_reason, waitReason: row.wait_reason, agents: row.agents, containerId: row.container_id,
    exitKind: row.exit_kind, exitCode: row.exit_code, exitText: row.exit_text,
  }
}

function bestCheckpoint(row: TrialRow): ApiCheckpointWorkload | null {
  const best = row.best_checkpoint
  if (best === null) return null
  const endTime = best.report_time === null ? null : new Date(best.report_time).toISOString()
  return { uuid: best.uuid, endTime, state: `STATE_${best.state}`, resources: sizesAsText(best.resources), totalBatches: best.steps, metadata: { steps_completed: best.steps, ...best.metadata } }
}

function fromSnapshot(snapshot: MetricsSnapshot | null): ApiMetricsWorkload | null {
  return snapshot === null ? null : metricsWorkload(snapshot.steps, snapshot.time, snapshot.values)
}

function metricsWorkload(steps: number, endTime: string, values: Record<string, unknown>): ApiMetricsWorkload {
  return { endTime, metrics: { avgMetrics: values, batchMetrics: [] }, numInputs: 0, totalBatches: steps }
}
