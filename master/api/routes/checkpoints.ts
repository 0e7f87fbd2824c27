import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { CHECKPOINT_SORTS, findCheckpoint, listCheckpoints, type CheckpointRow, type CheckpointSort } from '../../store/queries/checkpoints.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { findTrial } from '../../store/queries/trials.ts'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { IdParams, pageOf, PageQuery, paginationOf } from '../page.ts'
import { checkpointShape } from '../shapes/checkpoint.ts'
import { setCheckpointMetadata } from '../../store/queries/checkpoint-metadata.ts'
import { Mapping } from '../words.ts'
import { sortOf } from './experiments.ts'

const MetadataBody = Type.Object({ checkpoint: Type.Object({ metadata: Mapping }) })
export const UuidParams = Type.Object({ id: Uuid })
const ListQuery = Type.Object({ ...PageQuery, sortByAttr: Type.Optional(Type.String({ maxLength: 64 })), sortByMetric: Type.Optional(Type.String({ maxLength: 256 })), states: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100 })) })
type ListQuery = Type.Static<typeof ListQuery>

export function checkpointRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, settings } = deps

  const list = async (of: { experimentId: number } | { trialId: number }, query: ListQuery, searcher: { metric: string; smaller_is_better: boolean }): Promise<unknown> => {
    const page = pageOf(query)
    const sort = query.sortByMetric ? 'SEARCHER_METRIC' : sortOf<CheckpointSort>(query.sortByAttr, CHECKPOINT_SORTS)
    // unspecified: the best first, as the searcher sees it; everything else newest first, as Determined does
    const isDefaultDescending = sort === 'SEARCHER_METRIC' ? !searcher.smaller_is_better : sort === 'END_TIME' || sort === 'BATCH_NUMBER'
    const descending = query.orderBy === 'ORDER_BY_DESC' || (query.orderBy !== 'ORDER_BY_ASC' && isDefaultDescending)
    const { checkpoints, total } = await listCheckpoints(db, { ...page, of, states: query.states?.map((state) => state.replace(/^STATE_/, '')), sort, metric: query.sortByMetric || searcher.metric, descending })
    return { checkpoints: checkpoints.map((row) => checkpointShape(row, settings.checkpointStorage)), pagination: paginationOf(page, checkpoints.length, total) }
  }

  app.get<{ Params: { id: number }; Querystring: ListQuery }>('/api/v1/experiments/:id/checkpoints', { config: { container: 'experiment' }, schema: { params: IdParams, querystring: ListQuery } }, async (request) => {
    const experiment = await findExperiment(db, request.params.id)
    if (!experiment) throw notFound('experiment', request.params.id)
    return list({ experimentId: experiment.id }, request.query, experiment.config.searcher)
  })

  app.get<{ Params: { id: number }; Querystring: ListQuery }>('/api/v1/trials/:id/checkpoints', { config: { container: 'trial' }, schema: { params: IdParams, querystring: ListQuery } }, async (request) => {
    const trial = await findTrial(db, request.params.id)
    const experiment = trial ? await findExperiment(db, trial.experiment_id) : null
    if (!trial || !experiment) throw notFound('trial', request.params.id)
    return list({ trialId: trial.id }, request.query, experiment.config.searcher)
  })

  app.get<{ Params: { id: string } }>('/api/v1/checkpoints/:id', { config: { container: 'checkpoint' }, schema: { params: UuidParams } }, async (request) => ({
    checkpoint: checkpointShape(await mustFind(deps, request.params.id), settings.checkpointStorage),
  }))

  app.post<{ Params: { id: string }; Body: Type.Static<typeof MetadataBody> }>('/api/v1/checkpoints/:id/metadata', { schema: { params: UuidParams, body: MetadataBody } }, async (request) => {
    const row = await mustFind(deps, request.params.id)
    // the steps are the checkpoint's own: shown there, never kept there
    const { steps_completed: _, ...metadata } = request.body.checkpoint.metadata
    await setCheckpointMetadata(db, row.uuid, metadata)
    return { checkpoint: checkpointShape(await mustFind(deps, row.uuid), settings.checkpointStorage) }
  })
}

export async function mustFind(deps: Pick<ApiDeps, 'db'>, uuid: string): Promise<CheckpointRow> {
  const row = await findCheckpoint(deps.db, uuid)
  if (!row) throw notFound('checkpoint', uuid)
  return row
}
