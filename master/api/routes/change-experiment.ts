import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { parseExperimentConfig } from '../../../protocol/words/parse-experiment-config.ts'
import { layUnder } from '../../../protocol/words/config/layers.ts'
import { setLabel } from '../../store/change-experiment.ts'
import type { ExperimentRow } from '../../store/queries/experiments.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, IdParams } from '../page.ts'
import { experimentShape } from '../shapes/experiment.ts'
import { Labels, Prose } from '../words.ts'
import { readConfig, readYamlMapping } from '../read-config.ts'
import { answerTo, mustFindExperiment } from './experiments.ts'
import { mustFindProject } from './projects.ts'
import { applyRetention } from './retention.ts'

const Kept = Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 }))
const PatchBody = Type.Object({
  id: Type.Optional(Type.Unknown()), name: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, pattern: '\\S' })), description: Type.Optional(Prose), notes: Type.Optional(Prose), labels: Type.Optional(Labels),
  resources: Type.Optional(Type.Object({ priority: Type.Optional(Type.Integer({ minimum: 1, maximum: 99 })), maxSlots: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })), weight: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })) })),
  checkpointStorage: Type.Optional(Type.Object({ saveExperimentBest: Kept, saveTrialBest: Kept, saveTrialLatest: Kept })),
})
const LabelParams = Type.Object({ id: Id, label: Type.String({ minLength: 1, maxLength: 256 }) })
const MoveBody = Type.Object({ destinationProjectId: Id, experimentId: Type.Optional(Type.Unknown()) })
const ContinueBody = Type.Object({ id: Id, overrideConfig: Type.Optional(Type.String({ maxLength: 1_048_576 })) })
const RetainBody = Type.Object({ numDays: Type.Integer({ minimum: -1, maximum: 36_500 }), experimentId: Type.Optional(Type.Unknown()) })
type OfId = { Params: { id: number } }

/** What a person changes of an experiment that is there: words, resources, place; and how an ended one goes on. */
export function changeExperimentRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, commands } = deps
  const shown = async (id: number): Promise<unknown> => experimentShape(await mustFindExperiment(deps, id), deps.settings.checkpointStorage, deps.clock.wallMs())

  app.patch<OfId & { Body: Type.Static<typeof PatchBody> }>('/api/v1/experiments/:id', { schema: { params: IdParams, body: PatchBody } }, async (request) => {
    const { id } = request.params
    const { name, description, notes, labels, resources, checkpointStorage: kept } = request.body
    const retention = kept && { best: kept.saveExperimentBest, trialBest: kept.saveTrialBest, trialLatest: kept.saveTrialLatest }
    const change = { name, description, notes, labels: labels && [...new Set(labels)], priority: resources?.priority, maxSlots: resources?.maxSlots, weight: resources?.weight, retention }
    if (retention) mustOwn(userOf(request), (await mustFindExperiment(deps, id)).owner_id, `experiment ${id}`)
    answerTo(await commands.changeExperiment(id, change, userOf(request).username), 'experiment', id)
    if (retention) await applyRetention(deps, id, userOf(request))
    return { experiment: await shown(id) }
  })

  app.delete<OfId>('/api/v1/experiments/:id', { schema: { params: IdParams } }, async (request) => {
    const row = await mustFindExperiment(deps, request.params.id)
    mustOwn(userOf(request), row.owner_id, `experiment ${row.id}`)
    answerTo(await commands.deleteExperiment(row.id, userOf(request).username), 'experiment', row.id)
    return {}
  })

  app.put<OfId & { Body: Type.Static<typeof RetainBody> }>('/api/v1/experiments/:id/retain_logs', { schema: { params: IdParams, body: RetainBody } }, async (request) => {
    answerTo(await commands.changeExperiment(request.params.id, { logDays: request.body.numDays }, userOf(request).username), 'experiment', request.params.id)
    return {}
  })

  for (const [method, present] of [['PUT', true], ['DELETE', false]] as const) {
    app.route<{ Params: { id: number; label: string } }>({
      method, url: '/api/v1/experiments/:id/labels/:label', schema: { params: LabelParams },
      handler: async ({ params }) => {
        const labels = await setLabel(db, params.id, params.label, present)
        if (labels === null) throw notFound('experiment', params.id)
        return { labels }
      },
    })
  }

  app.post<OfId & { Body: Type.Static<typeof MoveBody> }>('/api/v1/experiments/:id/move', { schema: { params: IdParams, body: MoveBody } }, async (request) => {
    const { id } = request.params
    const project = await mustFindProject(deps, request.body.destinationProjectId)
    if (project.archived) throw new ApiFault(409, `project ${project.name} is archived: unarchive it first, or name another`)
    answerTo(await commands.moveExperiment(id, project.id, userOf(request).username), 'experiment', id)
    return {}
  })

  app.post<{ Body: Type.Static<typeof ContinueBody> }>('/api/v1/experiments/continue', { schema: { body: ContinueBody } }, async (request) => {
    const { id, overrideConfig = '' } = request.body
    const { config } = readConfig(JSON.stringify(overridden(await mustFindExperiment(deps, id), overrideConfig)), deps.settings)
    const pool = config.resources.resource_pool || (config.resources.slots_per_trial === 0 ? deps.settings.defaultAuxPool : deps.settings.defaultComputePool)
    answerTo(await commands.continueExperiment(id, { config, pool }, userOf(request).username), 'experiment', id)
    return { experiment: await shown(id), warnings: [] }
  })
}

/** What the person says now over what stands; another search would be another experiment. */
function overridden(row: ExperimentRow, text: string): Record<string, unknown> {
  const over = readYamlMapping(text, 'overrideConfig')
  if (over['searcher'] !== undefined) {
    const parsed = parseExperimentConfig(JSON.stringify(layUnder(over, { ...row.config })))
    if (parsed.ok && parsed.config.searcher.name !== row.config.searcher.name) throw new ApiFault(400, `searcher.name is ${row.config.searcher.name} and stays so in an experiment that goes on: submit another experiment for another search`)
  }
  return { ...layUnder(over, { ...row.config }) }
}
