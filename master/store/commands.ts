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
  setArchived(experimentId: number, archived: boolean, by: string): Promise<CommandResult>
  setAgentEnabled(agentId: string, enabled: boolean, drain: boolean, by: string): Promise<CommandResult>
  setSlotEnabled(agentId: string, slotId: string, enabled: boolean, by: string): Promise<CommandResult>
  /** READY -> RETIRING; refused while it holds live allocations (I8). */
  retireInstance(instanceId: string, by: string): Promise<CommandResult>
  /** A pool that Drover paused launches again; a pool that never needed EC2 is not found. */
  resumePool(name: string, by: string): Promise<CommandResult>
  /** The agents that fell silent together are really gone: those still silent are declared lost. `conflict` while the brake is off. */
  releaseBrake(by: string): Promise<CommandResult>
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

export type CommandResult = { kind: 'done' } | { kind: 'not-found' } | { kind: 'conflict'; message: string }
