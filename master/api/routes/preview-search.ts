import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { parseExperimentConfig } from '../../../protocol/words/parse-experiment-config.ts'
import type { HyperparameterSpace } from '../../../protocol/words/search-config.ts'
import { preview } from '../../search/preview.ts'
import { ApiFault } from '../errors.ts'

const PreviewBody = Type.Object({ config: Type.Record(Type.String(), Type.Unknown()), seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })) })

/** `det preview-search`: how many trials train for how long. */
export function previewSearchRoute(app: FastifyInstance): void {
  app.post<{ Body: Type.Static<typeof PreviewBody> }>('/api/v1/preview-hp-search', { schema: { body: PreviewBody } }, (request) => {
    const { config, seed } = request.body
    const parsed = parseExperimentConfig(JSON.stringify(config))
    if (!parsed.ok) throw new ApiFault(400, `the experiment configuration has mistakes:\n${parsed.errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n')}`, { details: parsed.errors })
    const { searcher, hyperparameters, reproducibility } = parsed.config
    const name = 'time_metric' in searcher ? searcher.time_metric : ''
    const rows = preview({ searcher, space: hyperparameters as HyperparameterSpace, seed: seed ?? reproducibility.experiment_seed }, 0).brackets.flat()
    const trials = rows.map(({ trials: count, until }) => ({ count, unit: until === null ? { maxLength: true } : { name, value: until, maxLength: false } }))
    return { summary: { config: searcher, trials } }
  })
}
