import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import type { AllocationSpec, Storage } from '../../protocol/wire/spec.ts'
import { rootOf, taskRoot } from './storage-of.ts'

const SHM_BYTES_DEFAULT = 4 * 1024 ** 3
const STOP_GRACE_SECONDS = 30
const WORK_DIR = '/run/determined/workdir'
const ROOT_USER = { name: 'root', uid: 0, group: 'root', gid: 0 }

export interface SpecInput {
  allocation: { id: string; taskId: string; epoch: number }
  member: { rank: number; worldSize: number; slots: readonly string[]; slotKinds: readonly ('cuda' | 'mig' | 'cpu')[] }
  experiment: { id: number; slug: string; config: ExperimentConfig; contextDigest: string | null }
  trial: { id: number; hparams: Record<string, unknown>; seed: number }
  /** absent: a trial */
  kind?: 'COMMAND'
  owner: { uid: number; user: string; gid: number; group: string } | null
  clusterId: string
  storage: Storage
  restore: AllocationSpec['restore']
  token: string
  /** what only a script with the `determined` package looks at; absent: nothing of it is told */
  harness?: Omit<NonNullable<AllocationSpec['harness']>, 'config'>
}

/** What one member runs, whole and immutable. Pure: the token is handed in. */
export function composeSpec(input: SpecInput): AllocationSpec {
  const { config } = input.experiment
  const device = input.member.slotKinds.some((kind) => kind !== 'cpu') ? 'cuda' : 'cpu'
  return {
    v: 1,
    alloc: input.allocation.id,
    clusterId: input.clusterId,
    ...(input.kind === undefined ? {} : { taskType: input.kind }),
    experimentId: input.experiment.id,
    trialId: input.trial.id,
    rank: input.member.rank,
    worldSize: input.member.worldSize,
    slots: [...input.member.slots],
    image: config.environment.image[device],
    forcePull: config.environment.force_pull_image,
    entrypoint: entrypointOf(config.entrypoint),
    env: { ...userVariables(config.environment.environment_variables[device]), ...ownVariables(input) },
    workDir: WORK_DIR,
    user: input.owner === null ? ROOT_USER : { name: input.owner.user, uid: input.owner.uid, group: input.owner.group, gid: input.owner.gid },
    shmBytes: config.resources.shm_size ?? SHM_BYTES_DEFAULT,
    binds: config.bind_mounts.map((mount) => ({ hostPath: mount.host_path, containerPath: mount.container_path, readOnly: mount.read_only, propagation: mount.propagation })),
    context: input.experiment.contextDigest,
    hparams: input.trial.hparams,
    seed: input.trial.seed,
    storage: input.storage,
    root: input.kind === undefined ? rootOf(input.storage, input.clusterId, input.experiment, input.trial.id) : taskRoot(input.storage, input.clusterId, input.allocation.taskId),
    restore: input.restore,
    token: input.token,
    stopGraceSeconds: STOP_GRACE_SECONDS,
    preemptSeconds: config.preemption_timeout,
    ...(input.harness === undefined ? {} : { harness: { ...input.harness, config: { ...config } } }),
  }
}

/** Determined's `module:TrialClass` is run by the launcher of its package, as its own entrypoint does. */
const TRIAL_CLASS = /^[a-zA-Z0-9_.]+:[a-zA-Z0-9_]+$/

function entrypointOf(entrypoint: ExperimentConfig['entrypoint']): string[] {
  if (typeof entrypoint !== 'string') return entrypoint
  return TRIAL_CLASS.test(entrypoint) ? ['python3', '-m', 'determined.launch.torch_distributed', '--', '--trial', entrypoint] : ['sh', '-c', entrypoint]
}

/** `NAME=value`, or `NAME` for an empty one; the last of a name counts. */
function userVariables(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf('=')
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
  }))
}

/** What only the master knows; the agent lays its own (addresses, paths) over it. */
function ownVariables(input: SpecInput): Record<string, string> {
  if (input.kind !== undefined) return { DET_CLUSTER_ID: input.clusterId, DET_TASK_ID: input.allocation.taskId, DET_TASK_TYPE: input.kind, DET_ALLOCATION_ID: input.allocation.id }
  return {
    DET_CLUSTER_ID: input.clusterId,
    DET_EXPERIMENT_ID: String(input.experiment.id),
    DET_TRIAL_ID: String(input.trial.id),
    DET_TRIAL_RUN_ID: String(input.allocation.epoch),
    DET_TRIAL_SEED: String(input.trial.seed),
    DET_TASK_ID: input.allocation.taskId,
    DET_TASK_TYPE: 'TRIAL',
    DET_ALLOCATION_ID: input.allocation.id,
    DET_HPARAMS: JSON.stringify(input.trial.hparams),
    DET_STEPS_COMPLETED: String(input.restore?.steps ?? 0),
    DET_LATEST_CHECKPOINT: input.restore?.uuid ?? '',
  }
}
