import type { LoopName } from '../../protocol/wire/subjects.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { setAgentEnabled, setSlotEnabled } from './agent-commands.ts'
import { releaseBrake } from './brake.ts'
import { changeExperiment, continueExperiment, moveExperimentTo } from './change-experiment.ts'
import type { CommandResult, Commands } from './commands.ts'
import { deleteExperiment } from './delete-experiment.ts'
import { deleteCheckpoints } from './delete-checkpoints.ts'
import { experimentMaker, type PoolNames } from './create-experiment.ts'
import type { Db } from './db.ts'
import { killTrial, setArchived, WISHES, wishFor } from './experiment-commands.ts'
import { changeJob } from './job-commands.ts'
import { retireInstance } from './instance-commands.ts'
import { createCommand, killCommand } from './run-command.ts'
import { resumePool } from './pool-commands.ts'

export interface CommandDeps {
  db: Db
  storage: Storage
  pools: PoolNames
  wake: (loop: LoopName) => void
}

/** The commands of commands.ts; each wakes the loops concerned after its commit. */
export function makeCommands(deps: CommandDeps): Commands {
  const { db } = deps
  const createExperiment = experimentMaker(db, deps)
  const waking = async <T>(loop: LoopName, work: Promise<T>): Promise<T> => {
    const result = await work
    deps.wake(loop)
    deps.wake('feed')
    return result
  }
  const wish = (id: number, name: keyof typeof WISHES, by: string): Promise<CommandResult> => waking('lifecycle', wishFor(db, id, WISHES[name], by))
  return {
    createExperiment: (input) => waking('schedule', createExperiment(input)),
    activate: (id, by) => wish(id, 'activate', by),
    pause: (id, by) => wish(id, 'pause', by),
    cancel: (id, by) => wish(id, 'cancel', by),
    kill: (id, by) => wish(id, 'kill', by),
    killTrial: (id, by) => waking('lifecycle', killTrial(db, id, by)),
    changeExperiment: (id, change, by) => waking('schedule', changeExperiment(db, id, change, by)),
    moveExperiment: (id, projectId, by) => waking('feed', moveExperimentTo(db, id, projectId, by)),
    continueExperiment: (id, next, by) => waking('lifecycle', continueExperiment(db, id, next, by)),
    changeJob: (id, change, by) => waking('schedule', changeJob(db, id, change, by)),
    deleteExperiment: (id, by) => waking('lifecycle', deleteExperiment(db, id, by)),
    createCommand: (input) => waking('schedule', createCommand(db, input)),
    killCommand: (task, by) => waking('lifecycle', killCommand(db, task, by)),
    setArchived: (id, archived, by) => waking('lifecycle', setArchived(db, id, archived, by)),
    setAgentEnabled: (id, enabled, drain, by) => waking('schedule', setAgentEnabled(db, id, enabled, drain, by)),
    releaseBrake: (by) => waking('loss', releaseBrake(db, by)),
    setSlotEnabled: async (id, slot, to, by) => {
      const result = await waking('schedule', setSlotEnabled(db, id, slot, to, by))
      deps.wake('lifecycle')
      return result
    },
    retireInstance: (id, by) => waking('scale', retireInstance(db, id, by)),
    deleteCheckpoints: (deletion) => waking('checkpoints', deleteCheckpoints(db, deletion)),
    resumePool: (name, by) => waking('scale', resumePool(db, name, by)),
  }
}
