import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { isTerminal } from '../../../protocol/words/states.ts'
import type { Kept } from '../../reconcile/retention.ts'
import type { ExperimentRow } from '../../store/queries/experiments.ts'
import { findGoing, type Going } from '../../store/queries/retention.ts'
import type { UserCaller } from '../auth/caller.ts'
import type { ApiDeps } from '../deps.ts'
import { IdParams } from '../page.ts'
import { sizesAsText } from '../shapes/checkpoint.ts'
import { answerTo, mustFindExperiment } from './experiments.ts'

const Count = Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 }))
const PolicyQuery = Type.Object({ saveExperimentBest: Count, saveTrialBest: Count, saveTrialLatest: Count })
type PolicyQuery = Type.Static<typeof PolicyQuery>
type Asked = { Params: { id: number }; Querystring: PolicyQuery }

/** What a policy would let go of an experiment's checkpoints; a count that is left out is the experiment's own. Nothing is deleted here. */
export function retentionRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get<Asked>('/api/v1/drover/experiments/:id/retention', { schema: { params: IdParams, querystring: PolicyQuery } }, async ({ params, query }) => {
    const row = await mustFindExperiment(deps, params.id)
    const kept = keptOf(deps, row, query)
    const going = await goingOf(deps, row, kept)
    return { policy: { save_experiment_best: kept.experimentBest, save_trial_best: kept.trialBest, save_trial_latest: kept.trialLatest }, metric: row.config.searcher.metric, going: going.map(shown), bytes: String(going.reduce((sum, one) => sum + one.bytes, 0)) }
  })

  // where and how `det experiment set gc-policy` asks
  app.get<Asked>('/experiments/:id/preview_gc', { schema: { params: IdParams, querystring: PolicyQuery } }, async ({ params, query }) => {
    const row = await mustFindExperiment(deps, params.id)
    const going = await goingOf(deps, row, keptOf(deps, row, query))
    return {
      metric_name: row.config.searcher.metric,
      checkpoints: going.map((one) => ({
        TrialID: one.trialId, StepsCompleted: one.steps, State: one.state, ValidationMetrics: one.validation ?? {}, UUID: one.uuid, Resources: sizesAsText(one.resources), ReportTime: one.reportTime.toISOString(), step: { validation: one.validation },
      })),
    }
  })
}

/** After the policy of an ended experiment was changed: what it lets go is deleted now. */
export async function applyRetention(deps: ApiDeps, id: number, by: UserCaller): Promise<void> {
  const row = await mustFindExperiment(deps, id)
  if (!isTerminal(row.state)) return
  const uuids = (await goingOf(deps, row, keptOf(deps, row, {}))).map((one) => one.uuid)
  if (uuids.length > 0) answerTo(await deps.commands.deleteCheckpoints({ uuids, globs: null, by }), 'experiment', id)
}

function keptOf({ settings }: ApiDeps, row: ExperimentRow, asked: PolicyQuery): Kept {
  const own = row.config.checkpoint_storage ?? settings.checkpointStorage
  return { experimentBest: asked.saveExperimentBest ?? own.save_experiment_best, trialBest: asked.saveTrialBest ?? own.save_trial_best, trialLatest: asked.saveTrialLatest ?? own.save_trial_latest }
}

function goingOf({ db }: ApiDeps, { id, config }: ExperimentRow, kept: Kept): Promise<Going[]> {
  return findGoing(db, { id, metric: config.searcher.metric, smallerIsBetter: config.searcher.smaller_is_better }, kept)
}

function shown(one: Going): unknown {
  return { uuid: one.uuid, trialId: one.trialId, steps: one.steps, searcherMetric: one.value, bytes: String(one.bytes), reportTime: one.reportTime.toISOString() }
}
