import { sql } from 'kysely'
import { canMoveExperiment, isTerminal, type ExperimentState } from '../../protocol/words/states.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { toJsonb } from './clean.ts'
import type { CommandResult, ExperimentChange } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'
import { given } from './given.ts'
import type { Tx } from './leader.ts'
import { begin } from '../search/search.ts'
import type { HyperparameterSpace } from '../../protocol/words/search-config.ts'

/** The words stand in the row and in its configuration; both change in one transaction. */
export function changeExperiment(db: Db, id: number, change: ExperimentChange, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const row = await tx.selectFrom('experiments').select('config').where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) return { kind: 'not-found' }
    await tx.updateTable('experiments').set({
      ...given(change, ['name', 'description', 'notes', 'priority']), ...(change.labels === undefined ? {} : { labels: toJsonb(change.labels) }), config: toJsonb(changedConfig(row.config, change)),
    }).where('id', '=', id).execute()
    const said = Object.entries(change).filter(([, value]) => value !== undefined).map(([key]) => key)
    if (said.length > 0) await addEvents(tx, [{ kind: 'experiment-changed', experimentId: id, text: `${said.join(', ')} of experiment ${id} changed by ${by}`, data: { fields: said } }])
    return { kind: 'done' }
  })
}

function changedConfig(config: ExperimentConfig, change: ExperimentChange): Record<string, unknown> {
  const { retention, logDays } = change
  const storage = config.checkpoint_storage
  const kept = given({ save_experiment_best: retention?.best, save_trial_best: retention?.trialBest, save_trial_latest: retention?.trialLatest }, ['save_experiment_best', 'save_trial_best', 'save_trial_latest'])
  const resources = { ...config.resources, ...given({ priority: change.priority, max_slots: change.maxSlots, weight: change.weight }, ['priority', 'max_slots', 'weight']) }
  return {
    ...config, resources, ...given(change, ['name', 'description', 'labels']),
    ...(storage === null ? {} : { checkpoint_storage: { ...storage, ...kept } }), ...(logDays === undefined ? {} : { retention_policy: { log_retention_days: logDays } }),
  }
}

export function moveExperimentTo(db: Db, id: number, projectId: number, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const result = await tx.updateTable('experiments').set({ project_id: projectId }).where('id', '=', id).executeTakeFirst()
    if (result.numUpdatedRows === 0n) return { kind: 'not-found' }
    await addEvents(tx, [{ kind: 'experiment-changed', experimentId: id, text: `experiment ${id} was moved to project ${projectId} by ${by}`, data: { projectId } }])
    return { kind: 'done' }
  })
}

/** Label by label, under the row's lock: two people at once lose none. Null: no such experiment. */
export function setLabel(db: Db, id: number, label: string, present: boolean): Promise<string[] | null> {
  return db.transaction().execute(async (tx) => {
    const row = await tx.selectFrom('experiments').select(['labels', 'config']).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) return null
    const others = row.labels.filter((known) => known !== label)
    const labels = present ? (row.labels.includes(label) ? row.labels : [...others, label]) : others
    await tx.updateTable('experiments').set({ labels: toJsonb(labels), config: toJsonb({ ...row.config, labels }) }).where('id', '=', id).execute()
    return labels
  })
}

/**
 * An ended experiment goes on with a changed configuration: its trial gets a new allocation, which resumes from the newest
 * committed checkpoint (I5), under a higher epoch (I3). A trial that had ended is opened again here and nowhere else (I6).
 */
export async function continueExperiment(db: Db, id: number, next: { config: ExperimentConfig; pool: string }, by: string): Promise<CommandResult> {
  // one that is at work is refused without a lock: the loops hold its rows, in another order
  const now = await db.selectFrom('experiments').select('state').where('id', '=', id).executeTakeFirst()
  if (now && !isContinuable(now.state)) return notEnded(id, now.state)
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    await sql`SELECT 1 FROM tasks WHERE experiment_id = ${id} ORDER BY id FOR UPDATE`.execute(tx)
    const trials = await tx.selectFrom('trials').select(['id', 'task_id', 'state']).where('experiment_id', '=', id).orderBy('id').forUpdate().execute()
    const row = await tx.selectFrom('experiments').select(['state', 'archived']).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) return { kind: 'not-found' }
    if (!isContinuable(row.state)) return notEnded(id, row.state)
    if (row.archived) return { kind: 'conflict', message: `experiment ${id} is archived: unarchive it first` }
    if (next.config.searcher.name !== 'single') return { kind: 'conflict', message: `experiment ${id} would go on as a search (${next.config.searcher.name}): write searcher.name: single, or submit it anew` }
    const [trial] = trials
    if (!trial || trials.length !== 1) return { kind: 'conflict', message: `experiment ${id} has ${trials.length} trials: only a single trial can be continued; submit it again` }
    await reopen(tx, id, trial, next)
    await addEvents(tx, [{ kind: 'experiment-state', experimentId: id, trialId: trial.id, text: `experiment ${id} was continued by ${by}`, data: { from: row.state, to: 'ACTIVE' } }])
    return { kind: 'done' }
  })
}

const isContinuable = (state: ExperimentState): boolean => isTerminal(state) && canMoveExperiment(state, 'ACTIVE')

function notEnded(id: number, state: ExperimentState): CommandResult {
  return { kind: 'conflict', message: `experiment ${id} is ${state}: only one that has ended can be continued; activate a paused one` }
}

async function reopen(tx: Tx, id: number, trial: { id: number; task_id: string }, { config, pool }: { config: ExperimentConfig; pool: string }): Promise<void> {
  const { actions } = begin({ searcher: config.searcher, space: config.hyperparameters as HyperparameterSpace, seed: config.reproducibility.experiment_seed })
  const made = actions.find((action) => action.type === 'create')
  if (!made) throw new Error('the searcher made no trial')
  await tx.updateTable('tasks').set({ ended_at: null }).where('id', '=', trial.task_id).execute()
  await tx.updateTable('trials').set({ state: 'ACTIVE', state_reason: '', ended_at: null, restarts: 0, hparams: toJsonb(made.hparams), stop: null, stop_reason: '', early_exit: null }).where('id', '=', trial.id).execute()
  await tx.updateTable('experiments').set({
    state: 'ACTIVE', state_reason: '', ended_at: null, progress: 0, config: toJsonb(config), name: config.name, description: config.description, labels: toJsonb(config.labels), resource_pool: pool,
    slots_per_trial: config.resources.slots_per_trial, max_restarts: config.max_restarts, searcher: toJsonb(config.searcher), ...(config.resources.priority === null ? {} : { priority: config.resources.priority }),
  }).where('id', '=', id).execute()
}
