import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'

/** What the database made of a new experiment; all else is as it was asked for. */
export interface MadeExperiment {
  experimentId: number
  /** the first of `trialIds` */
  trialId: number
  trialIds: number[]
  jobId: string
  startedAt: Date
  /** the pool that it waits in */
  pool: string
}

export interface Deletion {
  uuids: readonly string[]
  /** files to delete, as shell patterns over the names within the checkpoint; null = all of it */
  globs: readonly string[] | null
  by: { userId: number; username: string; admin: boolean }
}

/**
 * What a person asks of an experiment. Each is one transaction that also writes its event; after the commit the
 * loops are woken. `not-found` and `conflict` come back as data: the API words them.
 */
export interface Commands {
  createExperiment(input: NewExperiment): Promise<MadeExperiment>
  /** PAUSED -> ACTIVE; already ACTIVE is fine. */
  activate(experimentId: number, by: string): Promise<CommandResult>
  /** ACTIVE -> PAUSED; a running allocation is asked to save and stop. */
  pause(experimentId: number, by: string): Promise<CommandResult>
  /** Save and stop, then CANCELED; a terminal experiment is left as it is. */
  cancel(experimentId: number, by: string): Promise<CommandResult>
  /** SIGKILL now, then CANCELED. */
  kill(experimentId: number, by: string): Promise<CommandResult>
  /** Same for one trial; ends its single-trial experiment too. */
  killTrial(trialId: number, by: string): Promise<CommandResult>
  changeExperiment(experimentId: number, change: ExperimentChange, by: string): Promise<CommandResult>
  moveExperiment(experimentId: number, projectId: number, by: string): Promise<CommandResult>
  /** DELETING; its files and rows follow. */
  deleteExperiment(experimentId: number, by: string): Promise<CommandResult>
  /** COMPLETED, CANCELED or ERROR -> ACTIVE, with this configuration, in this pool. */
  continueExperiment(experimentId: number, next: { config: ExperimentConfig; pool: string }, by: string): Promise<CommandResult>
  changeJob(jobId: string, change: JobChange, by: string): Promise<CommandResult>
  /** The task's id. */
  createCommand(input: NewCommand): Promise<string>
  /** SIGKILL now; one that has ended is left as it is. */
  killCommand(taskId: string, by: string): Promise<CommandResult>
  setArchived(experimentId: number, archived: boolean, by: string): Promise<CommandResult>
  setAgentEnabled(agentId: string, enabled: boolean, drain: boolean, by: string): Promise<CommandResult>
  setSlotEnabled(agentId: string, slotId: string, to: { enabled: boolean; drain: boolean }, by: string): Promise<CommandResult>
  /** READY -> RETIRING; refused while it holds live allocations (I8). */
  retireInstance(instanceId: string, by: string): Promise<CommandResult>
  /** A pool that Drover paused launches again; a pool that never needed EC2 is not found. */
  resumePool(name: string, by: string): Promise<CommandResult>
  /** The agents that fell silent together are really gone: those still silent are declared lost. `conflict` while the brake is off. */
  releaseBrake(by: string): Promise<CommandResult>
  /** All of them or none; the bytes follow. */
  deleteCheckpoints(deletion: Deletion): Promise<CommandResult>
}

export interface NewExperiment {
  config: ExperimentConfig
  originalConfig: string
  /** gzipped tar of the model definition, already checked; null when none was sent */
  context: Uint8Array | null
  ownerId: number
  projectId: number
  parentId: number | null
  activate: boolean
}

/** What a person may change of an experiment, whatever its state; what is absent stays. */
export interface ExperimentChange {
  name?: string | undefined
  description?: string | undefined
  notes?: string | undefined
  labels?: readonly string[] | undefined
  /** 1 to 99, lower goes first: what waits is looked at anew */
  priority?: number | undefined
  maxSlots?: number | null | undefined
  weight?: number | undefined
  retention?: { best?: number | undefined; trialBest?: number | undefined; trialLatest?: number | undefined } | undefined
  /** -1: for ever */
  logDays?: number | undefined
}

export interface JobChange {
  priority?: number | undefined
  weight?: number | undefined
  /** of this cluster, checked by the caller */
  pool?: string | undefined
}

export interface NewCommand {
  description: string
  /** an experiment's, of which entrypoint, environment, resources and bind_mounts count */
  config: ExperimentConfig
  /** gzipped tar of what lies in its work directory, already checked; null when none was sent */
  context: Uint8Array | null
  ownerId: number
  workspaceId: number
  pool: string
}

export type CommandResult = { kind: 'done' } | { kind: 'not-found' } | { kind: 'conflict'; message: string }
