import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'

/** The part of Docker's create request that we set; field names are the Engine API's. */
export interface ContainerSpec {
  name: string
  Image: string
  Hostname: string
  User: string
  WorkingDir: string
  Entrypoint: string[]
  Cmd: string[]
  Env: string[]
  Labels: Record<string, string>
  StopSignal: string
  HostConfig: {
    Binds: string[]
    NetworkMode: string
    Init: boolean
    ShmSize: number
    CapDrop: string[]
    CapAdd: string[]
    SecurityOpt: string[]
    PidsLimit: number
    LogConfig: { Type: string; Config: Record<string, string> }
    RestartPolicy: { Name: string }
    DeviceRequests?: { Driver: string; DeviceIDs: string[]; Capabilities: string[][] }[]
    Ulimits: { Name: string; Soft: number; Hard: number }[]
  }
}

/** A GPU or MIG device that this host has, by slot id. */
export interface SlotDevice {
  id: string
  kind: 'cuda' | 'mig' | 'cpu'
  uuid: string
}

export interface SpecFacts {
  agentId: string
  masterId: string
  /** host directory mounted at RUN_DIR */
  runDir: string
  slots: readonly SlotDevice[]
  hasRestored: boolean
}

export const RUN_DIR = '/run/drover'
export const WORK_DIR = '/run/determined/workdir'
/** Port of the gateway on the container's own loopback. */
export const GATEWAY_PORT = 18_080

const PIDS_MAX = 16_384
/** What ordinary training and package installs need; everything else is dropped. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID']
/** Waits for the gateway (30 s at most, so that a broken one stops no SDK-less run), then becomes the user's command. */
const WAIT_FOR_GATEWAY = 'n=0; while [ ! -e /run/drover/gateway-ready ] && [ $n -lt 600 ]; do n=$((n+1)); sleep 0.05; done; exec "$@"'

export function containerName(alloc: string): string {
  return `drover-${alloc.replace('.', '-')}`
}

/** Spec of an allocation's member -> Docker's create request. Pure. */
export function containerSpec(spec: AllocationSpec, facts: SpecFacts): ContainerSpec {
  const gpus = facts.slots.filter((slot) => spec.slots.includes(slot.id) && slot.kind !== 'cpu').map((slot) => slot.uuid)
  const epoch = parseAllocationId(spec.alloc)?.epoch ?? 0
  return {
    name: containerName(spec.alloc),
    Image: spec.image,
    Hostname: containerName(spec.alloc).slice(0, 63),
    User: `${spec.user.uid}:${spec.user.gid}`,
    WorkingDir: spec.workDir,
    Entrypoint: ['/bin/sh', '-c', WAIT_FOR_GATEWAY, 'drover'],
    Cmd: spec.entrypoint,
    Env: Object.entries({ ...spec.env, ...ownVariables(spec, facts, epoch) }).map(([name, value]) => `${name}=${value}`),
    Labels: {
      'drover.cluster': spec.clusterId, 'drover.agent': facts.agentId, 'drover.alloc': spec.alloc, 'drover.epoch': String(epoch),
      'drover.experiment': String(spec.experimentId), 'drover.trial': String(spec.trialId), 'drover.rank': String(spec.rank),
    },
    StopSignal: 'SIGTERM',
    HostConfig: {
      Binds: [`${facts.runDir}:${RUN_DIR}:rw`, ...spec.binds.map((bind) => bindText(bind, spec.workDir))],
      NetworkMode: 'bridge',
      Init: true,
      ShmSize: spec.shmBytes,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: PIDS_MAX,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '-1' } },
      RestartPolicy: { Name: 'no' },
      Ulimits: [{ Name: 'memlock', Soft: -1, Hard: -1 }, { Name: 'stack', Soft: 67_108_864, Hard: 67_108_864 }],
      ...(gpus.length > 0 ? { DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: gpus, Capabilities: [['gpu', 'compute', 'utility']] }] } : {}),
    },
  }
}

function bindText(bind: AllocationSpec['binds'][number], workDir: string): string {
  const target = bind.containerPath.startsWith('/') ? bind.containerPath : `${workDir}/${bind.containerPath}`
  return `${bind.hostPath}:${target}:${bind.readOnly ? 'ro' : 'rw'},${bind.propagation}`
}

/** Drover's and Determined's variables; they win over the user's. */
function ownVariables(spec: AllocationSpec, facts: SpecFacts, epoch: number): Record<string, string> {
  const gateway = `http://127.0.0.1:${GATEWAY_PORT}`
  const ranks = { RANK: String(spec.rank), WORLD_SIZE: String(spec.worldSize), MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29400' }
  return {
    ...ranks,
    ...Object.fromEntries(Object.entries(ranks).map(([name, value]) => [`DROVER_${name}`, value])),
    DROVER_CHECKPOINT_DIR: `${RUN_DIR}/checkpoints`,
    DROVER_METRICS_FILE: `${RUN_DIR}/metrics.jsonl`,
    DROVER_PREEMPT_FILE: `${RUN_DIR}/preempt`,
    ...(spec.restore && facts.hasRestored ? { DROVER_RESTORE_DIR: `${RUN_DIR}/restored`, DET_LATEST_CHECKPOINT: spec.restore.uuid } : {}),
    DROVER_HPARAMS: JSON.stringify(spec.hparams),
    DROVER_EXPERIMENT_ID: String(spec.experimentId),
    DROVER_TRIAL_ID: String(spec.trialId),
    DROVER_ALLOCATION_ID: spec.alloc,
    DROVER_SEED: String(spec.seed),
    DROVER_STEPS_COMPLETED: String(spec.restore?.steps ?? 0),
    DROVER_SLOTS: JSON.stringify(spec.slots),
    DET_MASTER: gateway,
    DET_CLUSTER_ID: spec.clusterId,
    DET_MASTER_ID: facts.masterId,
    DET_AGENT_ID: facts.agentId,
    DET_SLOT_IDS: JSON.stringify(spec.slots.map((_, index) => index)),
    DET_TASK_ID: spec.alloc.slice(0, spec.alloc.lastIndexOf('.')),
    DET_TASK_TYPE: 'TRIAL',
    DET_ALLOCATION_ID: spec.alloc,
    DET_RESOURCES_ID: `${spec.alloc}-${spec.rank}`,
    DET_RESOURCES_TYPE: 'docker-container',
    DET_CONTAINER_ID: containerName(spec.alloc),
    DET_SESSION_TOKEN: spec.token,
    DET_EXPERIMENT_ID: String(spec.experimentId),
    DET_TRIAL_ID: String(spec.trialId),
    DET_TRIAL_RUN_ID: String(epoch),
    DET_TRIAL_SEED: String(spec.seed),
    DET_HPARAMS: JSON.stringify(spec.hparams),
    DET_STEPS_COMPLETED: String(spec.restore?.steps ?? 0),
    DET_WORKDIR: spec.workDir,
    DET_RUN_DIR: '/run/determined',
    DET_USE_TLS: 'false',
    DET_SEGMENT_ENABLED: 'false',
  }
}
