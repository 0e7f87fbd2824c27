import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { experimentCurves, experimentMetrics } from '../../store/queries/curves.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { IdParams } from '../page.ts'

const Query = Type.Object({
  /** default: the searcher's */
  metric: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  group: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  trials: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  points: Type.Optional(Type.Integer({ minimum: 2, maximum: 500 })),
})

/** Learning curves of the best trials of a search, one metric at a time. */
export function curveRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get<{ Params: { id: number }; Querystring: Type.Static<typeof Query> }>('/api/v1/drover/experiments/:id/curves', { schema: { params: IdParams, querystring: Query } }, async (request) => {
    const experiment = await findExperiment(deps.db, request.params.id)
    if (!experiment) throw notFound('experiment', request.params.id)
    const { searcher } = experiment.config
    const { metric = searcher.metric, group = 'validation', trials = 100, points = 200 } = request.query
    const curves = await experimentCurves(deps.db, { experimentId: experiment.id, metric, group, trials, points, smallerIsBetter: searcher.smaller_is_better })
    return { metric, group, smallerIsBetter: searcher.smaller_is_better, metrics: await experimentMetrics(deps.db, experiment.id), curves }
  })
}
