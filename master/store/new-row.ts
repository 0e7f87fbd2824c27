import type { MadeExperiment, NewExperiment } from './commands.ts'
import { PRIORITY_DEFAULT } from './create-experiment.ts'
import { cleanJson, cleanText } from './clean.ts'
import type { ExperimentRow } from './queries/experiments.ts'

/** The project that it lies in, which is not archived. */
export interface Place {
  id: number
  name: string
  ownerId: number
  workspaceId: number
  workspaceName: string
}

/** The row of an experiment that was made a moment ago, as `findExperiment` would read it, without reading it. */
export function newRow({ input, made, caller, place }: { input: NewExperiment; made: MadeExperiment; caller: { username: string; displayName: string | null }; place: Place }): ExperimentRow {
  const { config } = input
  return {
    id: made.experimentId, job_id: made.jobId, name: cleanText(config.name), description: cleanText(config.description), notes: '', labels: config.labels.map(cleanText), state: input.activate ? 'ACTIVE' : 'PAUSED', state_reason: '',
    archived: false, owner_id: input.ownerId, username: caller.username, display_name: caller.displayName, project_id: place.id, project_name: place.name, project_owner_id: place.ownerId, workspace_id: place.workspaceId, workspace_name: place.workspaceName, parent_archived: false, parent_id: input.parentId, config: cleanJson(config), original_config: cleanText(input.originalConfig),
    context_bytes: input.context?.byteLength ?? 0, resource_pool: made.pool, slots_per_trial: config.resources.slots_per_trial, priority: config.resources.priority ?? PRIORITY_DEFAULT, max_restarts: config.max_restarts,
    progress: 0, started_at: made.startedAt, ended_at: null, trial_ids: made.trialIds, best_trial_id: null, best_metric: null, checkpoint_count: 0, checkpoint_bytes: 0,
    allocation_state: input.activate ? 'PENDING' : null, wait_reason: input.activate ? '' : null,
  }
}
