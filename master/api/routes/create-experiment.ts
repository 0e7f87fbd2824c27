import type { FastifyInstance } from 'fastify'
import { ApiCreateExperiment, type ApiCreatedExperiment, type ApiExperiment } from '../../../protocol/wire/api.ts'
import type { ConfigMistake, ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import { nearest } from '../../../protocol/words/config/nearest.ts'
import { parseExperimentConfig } from '../../../protocol/words/parse-experiment-config.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { newRow } from '../../store/new-row.ts'
import type { NewExperiment } from '../../store/commands.ts'
import { userOf } from '../auth/guard.ts'
import { takeContext } from '../context/take-context.ts'
import type { ApiDeps, ApiSettings } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import { experimentShape, PROJECT } from '../shapes/experiment.ts'
import { shownConfig } from '../shapes/storage.ts'

/** 95 MiB of files are 127 MiB of base64. */
const BODY_BYTES_MAX = 128 * 1024 * 1024

export function createExperimentRoute(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: ApiCreateExperiment }>('/api/v1/experiments', { bodyLimit: BODY_BYTES_MAX, schema: { body: ApiCreateExperiment } }, async (request): Promise<ApiCreatedExperiment> => {
    const { body } = request
    const caller = userOf(request)
    refuseUnsupported(body)
    const { config, warnings } = readConfig(body.config, deps.settings)
    const context = await takeContext(body)
    const parentId = body.parentId || null
    if (parentId !== null && !await findExperiment(deps.db, parentId)) throw new ApiFault(400, `parentId: experiment ${parentId} does not exist: leave parentId out or name an experiment`)
    const shown = shownConfig(config, deps.settings.checkpointStorage)
    if (body.validateOnly) return { experiment: emptyShape(config, shown, body.config, caller), config: shown, warnings: [], drover: { trialId: null, warnings } }
    const input: NewExperiment = { config, originalConfig: body.config, context, ownerId: caller.userId, projectId: PROJECT.id, parentId, activate: body.activate ?? true }
    const made = await deps.commands.createExperiment(input)
    const row = newRow({ input, made, caller })
    return { experiment: experimentShape(row, deps.settings.checkpointStorage, deps.clock.wallMs()), config: shown, warnings: [], drover: { trialId: made.trialId, warnings } }
  })
}

function refuseUnsupported(body: ApiCreateExperiment): void {
  if (body.template) throw new ApiFault(400, `template ${JSON.stringify(body.template)}: this release has no templates: write the settings into the configuration`)
  if (body.unmanaged) throw new ApiFault(400, 'unmanaged: this release runs managed experiments only: leave it out')
  if (body.projectId && body.projectId !== PROJECT.id) throw new ApiFault(400, `projectId ${body.projectId}: this cluster has project 1 only: leave it out`)
}

/** Parsed, complete with the cluster's storage, its pool known; or 400 with every mistake. */
function readConfig(text: string, settings: ApiSettings): { config: ExperimentConfig; warnings: ConfigMistake[] } {
  const parsed = parseExperimentConfig(text, { masterStorage: { ...settings.checkpointStorage } })
  const mistakes = parsed.ok ? [...poolMistakes(parsed.config.resources.resource_pool, settings), ...storageMistakes(parsed.config)] : parsed.errors
  if (parsed.ok && mistakes.length === 0) return { config: { ...parsed.config, checkpoint_storage: parsed.config.checkpoint_storage ?? settings.checkpointStorage }, warnings: parsed.warnings }
  const words = mistakes.map((mistake) => (mistake.path === '' ? mistake.message : `${mistake.path}: ${mistake.message}`))
  throw new ApiFault(400, `the experiment configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${words.join('\n')}`, { details: mistakes })
}

/** A storage that no agent of this cluster can write to. */
function storageMistakes(config: ExperimentConfig): ConfigMistake[] {
  const type = config.checkpoint_storage?.type
  if (type !== 'gcs' && type !== 'azure') return []
  return [{ path: 'checkpoint_storage.type', message: `is ${type}, which this cluster cannot use: write s3, shared_fs or directory, or leave checkpoint_storage out for the cluster's own` }]
}

function poolMistakes(name: string, settings: ApiSettings): ConfigMistake[] {
  const names = settings.pools.map((pool) => pool.name)
  if (name === '' || names.includes(name)) return []
  const meant = nearest(name, names)
  const hint = meant === null ? '' : ` (did you mean ${JSON.stringify(meant)}?)`
  return [{ path: 'resources.resource_pool', message: `is ${JSON.stringify(name)}, which this cluster does not have${hint}: write one of ${names.join(', ')}, or leave it out for ${settings.defaultComputePool}` }]
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
