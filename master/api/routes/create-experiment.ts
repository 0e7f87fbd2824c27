import type { FastifyInstance } from 'fastify'
import { ApiCreateExperiment, type ApiCreatedExperiment, type ApiExperiment } from '../../../protocol/wire/api.ts'
import type { ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { newRow, type Place } from '../../store/new-row.ts'
import type { NewExperiment } from '../../store/commands.ts'
import { userOf } from '../auth/guard.ts'
import { takeContext } from '../context/take-context.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import { readConfig } from '../read-config.ts'
import { experimentShape, PROJECT } from '../shapes/experiment.ts'
import { shownConfig } from '../shapes/storage.ts'
import { mustFindProject } from './projects.ts'
import { mustFindTemplate } from './templates.ts'

/** 95 MiB of files are 127 MiB of base64. */
const BODY_BYTES_MAX = 128 * 1024 * 1024

export function createExperimentRoute(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: ApiCreateExperiment }>('/api/v1/experiments', { bodyLimit: BODY_BYTES_MAX, schema: { body: ApiCreateExperiment } }, async (request): Promise<ApiCreatedExperiment> => {
    const { body } = request
    const caller = userOf(request)
    refuseUnsupported(body)
    const template = body.template ? (await mustFindTemplate(deps, body.template)).config : undefined
    const { config, warnings } = readConfig(body.config, deps.settings, template)
    const place = body.projectId ? await openProject(deps, body.projectId) : FIRST_PROJECT
    const context = await takeContext(body)
    const parentId = body.parentId || null
    if (parentId !== null && !await findExperiment(deps.db, parentId)) throw new ApiFault(400, `parentId: experiment ${parentId} does not exist: leave parentId out or name an experiment`)
    const shown = shownConfig(config, deps.settings.checkpointStorage)
    if (body.validateOnly) return { experiment: emptyShape(config, shown, body.config, caller), config: shown, warnings: [], drover: { trialId: null, warnings } }
    const input: NewExperiment = { config, originalConfig: body.config, context, ownerId: caller.userId, projectId: place.id, parentId, activate: body.activate ?? true }
    const made = await deps.commands.createExperiment(input)
    const row = newRow({ input, made, caller, place })
    return { experiment: experimentShape(row, deps.settings.checkpointStorage, deps.clock.wallMs()), config: shown, warnings: [], drover: { trialId: made.trialId, warnings } }
  })
}

/** Where an experiment lies that names no project; it came with the cluster. */
const FIRST_PROJECT: Place = { id: PROJECT.id, name: PROJECT.name, ownerId: 1, workspaceId: PROJECT.workspaceId, workspaceName: PROJECT.workspaceName }

async function openProject(deps: ApiDeps, id: number): Promise<Place> {
  const project = await mustFindProject(deps, id)
  if (project.archived) throw new ApiFault(409, `project ${project.name} is archived: unarchive it first, or name another`)
  return { id: project.id, name: project.name, ownerId: project.owner_id ?? 1, workspaceId: project.workspace_id, workspaceName: project.workspace_name }
}

function refuseUnsupported(body: ApiCreateExperiment): void {
  if (body.unmanaged) throw new ApiFault(400, 'unmanaged: this release runs managed experiments only: leave it out')
}

/** Determined answers validateOnly with an experiment of zero values. */
function emptyShape(config: ExperimentConfig, shown: Record<string, unknown>, text: string, owner: { userId: number; username: string }): ApiExperiment {
  return {
    id: 0, jobId: '', name: config.name, description: config.description, notes: '', labels: config.labels, state: 'STATE_UNSPECIFIED', startTime: new Date(0).toISOString(), endTime: null, duration: 0,
    archived: false, parentArchived: false, numTrials: 0, trialIds: [], bestTrialId: null, bestTrialSearcherMetric: null, progress: 0, userId: owner.userId, username: owner.username, displayName: '',
    resourcePool: config.resources.resource_pool, searcherType: config.searcher.name, searcherMetric: config.searcher.metric, hyperparameters: config.hyperparameters, forkedFrom: null,
    checkpointCount: 0, checkpointSize: '0', modelDefinitionSize: 0, projectId: PROJECT.id, projectName: PROJECT.name, projectOwnerId: 1, workspaceId: PROJECT.workspaceId, workspaceName: PROJECT.workspaceName,
    unmanaged: false, config: shown, originalConfig: text,
    drover: { stateReason: '', waitReason: '', priority: config.resources.priority ?? 42, slotsPerTrial: config.resources.slots_per_trial, maxRestarts: config.max_restarts, allocationState: null },
  }
}
