import type { ApiExperiment } from '../../../protocol/wire/api.ts'
import type { CheckpointStorageConfig } from '../../../protocol/words/experiment-config.ts'
import type { ExperimentRow } from '../../store/queries/experiments.ts'
import { runState } from './states.ts'
import { shownConfig } from './storage.ts'

/** Where an experiment lies that names no project. */
export const PROJECT = { id: 1, name: 'Uncategorized', workspaceId: 1, workspaceName: 'Uncategorized' } as const

export function experimentShape(row: ExperimentRow, cluster: CheckpointStorageConfig, nowMs: number): ApiExperiment {
  return {
    id: row.id,
    jobId: row.job_id,
    name: row.name,
    description: row.description,
    notes: row.notes,
    labels: row.labels,
    state: runState(row.state, row.allocation_state),
    startTime: row.started_at.toISOString(),
    endTime: row.ended_at?.toISOString() ?? null,
    duration: Math.max(0, Math.floor(((row.ended_at?.getTime() ?? nowMs) - row.started_at.getTime()) / 1000)),
    archived: row.archived,
    parentArchived: row.parent_archived,
    numTrials: row.trial_ids.length,
    trialIds: row.trial_ids,
    bestTrialId: row.best_trial_id,
    bestTrialSearcherMetric: row.best_metric,
    progress: row.state === 'COMPLETED' ? 1 : row.progress,
    userId: row.owner_id,
    username: row.username,
    displayName: row.display_name ?? '',
    resourcePool: row.resource_pool,
    searcherType: row.config.searcher.name,
    searcherMetric: row.config.searcher.metric,
    hyperparameters: row.config.hyperparameters,
    forkedFrom: row.parent_id,
    checkpointCount: row.checkpoint_count,
    checkpointSize: String(row.checkpoint_bytes),
    modelDefinitionSize: row.context_bytes,
    projectId: row.project_id,
    projectName: row.project_name,
    projectOwnerId: row.project_owner_id,
    workspaceId: row.workspace_id,
    workspaceName: row.workspace_name,
    unmanaged: false,
    config: shownConfig(row.config, cluster),
    originalConfig: row.original_config,
    drover: {
      stateReason: row.state_reason,
      waitReason: row.wait_reason ?? '',
      priority: row.priority,
      slotsPerTrial: row.slots_per_trial,
      maxRestarts: row.max_restarts,
      allocationState: row.allocation_state,
    },
  }
}
