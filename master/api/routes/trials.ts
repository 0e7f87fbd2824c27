import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { listTrials, findTrial, TRIAL_SORTS, type TrialSort } from '../../store/queries/trials.ts'
import { listWorkloads, type WorkloadFilter } from '../../store/queries/workloads.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { IdParams, pageOf, PageQuery, paginationOf } from '../page.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { trialShape, workloadShape } from '../shapes/trial.ts'
import { sortOf } from './experiments.ts'

const Names = Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100 })
const TrialsQuery = Type.Object({ ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), states: Type.Optional(Names) })
const WorkloadsQuery = Type.Object({
  ...PageQuery, filter: Type.Optional(Type.String({ maxLength: 64 })), group: Type.Optional(Type.String({ maxLength: 128 })), metricType: Type.Optional(Type.String({ maxLength: 64 })),
  includeBatchMetrics: Type.Optional(Type.Boolean()), removeDeletedCheckpoints: Type.Optional(Type.Boolean()), sortKey: Type.Optional(Type.String({ maxLength: 256 })),
})
const ONLY: Readonly<Record<string, WorkloadFilter['only']>> = {
  FILTER_OPTION_CHECKPOINT: 'checkpoint', FILTER_OPTION_VALIDATION: 'validation', FILTER_OPTION_CHECKPOINT_OR_VALIDATION: 'checkpoint-or-validation',
}
const GROUPS: Readonly<Record<string, string>> = { METRIC_TYPE_TRAINING: 'training', METRIC_TYPE_VALIDATION: 'validation' }

export function trialRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, clock } = deps

  app.get<{ Params: { id: number }; Querystring: Type.Static<typeof TrialsQuery> }>('/api/v1/experiments/:id/trials', { config: { container: 'experiment' }, schema: { params: IdParams, querystring: TrialsQuery } }, async (request) => {
    const { query, params } = request
    const page = pageOf(query)
    const { trials, total } = await listTrials(db, { ...page, experimentId: params.id, states: query.states?.map((state) => state.replace(/^STATE_/, '')), sort: sortOf<TrialSort>(query.sortBy, TRIAL_SORTS), descending: query.orderBy === 'ORDER_BY_DESC' })
    if (total === 0 && !await findExperiment(db, params.id)) throw notFound('experiment', params.id)
    return { trials: trials.map((row) => trialShape(row, clock.wallMs())), pagination: paginationOf(page, trials.length, total) }
  })

  app.get<{ Params: { id: number } }>('/api/v1/trials/:id', { config: { container: 'trial' }, schema: { params: IdParams } }, async (request) => {
    const row = await findTrial(db, request.params.id)
    if (!row) throw notFound('trial', request.params.id)
    return { trial: trialShape(row, clock.wallMs()) }
  })

  app.get<{ Params: { id: number }; Querystring: Type.Static<typeof WorkloadsQuery> }>('/api/v1/trials/:id/workloads', { config: { container: 'trial' }, schema: { params: IdParams, querystring: WorkloadsQuery } }, async (request) => {
    const { query, params } = request
    const page = pageOf(query)
    const { workloads, total } = await listWorkloads(db, {
      ...page, trialId: params.id, group: query.group || (GROUPS[query.metricType ?? ''] ?? null), only: ONLY[query.filter ?? ''] ?? 'all',
      withoutDeleted: query.removeDeletedCheckpoints ?? false, descending: query.orderBy === 'ORDER_BY_DESC',
    })
    if (total === 0 && !await findTrial(db, params.id)) throw notFound('trial', params.id)
    return { workloads: workloads.map(workloadShape), pagination: paginationOf(page, workloads.length, total) }
  })
}
