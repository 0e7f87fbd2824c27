import { canMoveExperiment, isTerminal, type ExperimentState } from '../../protocol/words/states.ts'
import { cleanText } from './clean.ts'
import type { CommandResult } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'
import type { Tx } from './leader.ts'

/**
 * A person's wish changes the experiment's state and nothing else; the lifecycle loop draws the consequences for
 * trials and allocations. So no lock of a command can ever cross one of a loop.
 */
export interface Wish {
  verb: 'activated' | 'paused' | 'canceled' | 'killed'
  to: ExperimentState
}

export const WISHES = {
  activate: { verb: 'activated', to: 'ACTIVE' },
  pause: { verb: 'paused', to: 'PAUSED' },
  cancel: { verb: 'canceled', to: 'STOPPING_CANCELED' },
  kill: { verb: 'killed', to: 'STOPPING_KILLED' },
} as const satisfies Record<string, Wish>

export function wishFor(db: Db, experimentId: number, wish: Wish, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx) => moveExperiment(tx, experimentId, wish, by))
}

/** A single-trial experiment ends with its trial; of a search the others go on, and the search hears of the end. */
export function killTrial(db: Db, trialId: number, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx) => {
    const trial = await tx.selectFrom('trials').leftJoin('searches', 'searches.experiment_id', 'trials.experiment_id').select(['trials.experiment_id', 'trials.state', 'trials.stop', 'searches.token']).where('trials.id', '=', trialId).executeTakeFirst()
    if (!trial) return { kind: 'not-found' as const }
    if (trial.token === null) return moveExperiment(tx, trial.experiment_id, WISHES.kill, by)
    if (isTerminal(trial.state) || trial.stop === 'kill') return { kind: 'done' as const }
    const reason = cleanText(`killed by ${by}`)
    await tx.updateTable('trials').set({ stop: 'kill', stop_reason: reason }).where('id', '=', trialId).where('state', '=', 'ACTIVE').execute()
    await addEvents(tx, [{ kind: 'trial-stopped', experimentId: trial.experiment_id, trialId, text: `trial ${trialId} was ${reason}` }])
    return { kind: 'done' as const }
  })
}

export function setArchived(db: Db, experimentId: number, archived: boolean, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const row = await tx.selectFrom('experiments').select(['state', 'archived']).where('id', '=', experimentId).forUpdate().executeTakeFirst()
    if (!row) return { kind: 'not-found' }
    if (row.archived === archived) return { kind: 'done' }
    if (!isTerminal(row.state)) return { kind: 'conflict', message: `experiment ${experimentId} is ${row.state}: only an ended experiment can be archived; kill or cancel it first` }
    await tx.updateTable('experiments').set({ archived }).where('id', '=', experimentId).execute()
    const verb = archived ? 'archived' : 'unarchived'
    await addEvents(tx, [{ kind: `experiment-${verb}`, experimentId, text: `experiment ${experimentId} was ${verb} by ${by}` }])
    return { kind: 'done' }
  })
}

async function moveExperiment(tx: Tx, experimentId: number, wish: Wish, by: string): Promise<CommandResult> {
  const row = await tx.selectFrom('experiments').select(['state', 'archived']).where('id', '=', experimentId).forUpdate().executeTakeFirst()
  if (!row) return { kind: 'not-found' }
  const answer = answerFor(experimentId, row.state, wish)
  if (answer !== 'move') return answer
  const reason = cleanText(`${wish.verb} by ${by}`)
  await tx.updateTable('experiments').set({ state: wish.to, state_reason: wish.to === 'ACTIVE' ? '' : reason }).where('id', '=', experimentId).execute()
  await addEvents(tx, [{ kind: 'experiment-state', experimentId, text: `experiment ${experimentId} was ${reason}`, data: { from: row.state, to: wish.to } }])
  return { kind: 'done' }
}

/** Asking again for what is already so is fine; an ended experiment is left as it is by cancel and kill. */
function answerFor(experimentId: number, state: ExperimentState, wish: Wish): CommandResult | 'move' {
  if (state === wish.to) return { kind: 'done' }
  const stops = wish.to === 'STOPPING_CANCELED' || wish.to === 'STOPPING_KILLED'
  if (stops && isTerminal(state)) return { kind: 'done' }
  if (wish.to === 'STOPPING_CANCELED' && state.startsWith('STOPPING_')) return { kind: 'done' }
  if (!isTerminal(state) && canMoveExperiment(state, wish.to)) return 'move'
  const cure = isTerminal(state) ? 'submit it again or continue from a checkpoint' : 'wait until it has ended'
  return { kind: 'conflict', message: `experiment ${experimentId} is ${state} and cannot be ${wish.verb}: ${cure}` }
}
