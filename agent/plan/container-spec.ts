import type { Slot } from '../../protocol/wire/heartbeat.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerName } from './container-name.ts'
import { environmentOf } from './environment.ts'
import { RUN_DIR } from './paths.ts'
import { ALONE, type Wiring } from './wiring.ts'

export const LABELS = {
  cluster: 'drover.cluster', alloc: 'drover.alloc', epoch: 'drover.epoch', trial: 'drover.trial', experiment: 'drover.experiment', rank: 'drover.rank', agent: 'drover.agent', slots: 'drover.slots', sandbox: 'drover.sandbox',
} as const

/** The part of Docker's create options that Drover sets; field names are Docker's. */
export interface ContainerOptions {
  name: string
  Image: string
  Labels: Record<string, string>
  Entrypoint: string[]
  Cmd: string[]
  Env: string[]
  WorkingDir: string
  User: string
  StopSignal: string
  Tty: boolean
  HostConfig: {
    Mounts: Mount[]
    ShmSize: number
    LogConfig: { Type: string; Config: Record<string, string> }
    Init: boolean
    RestartPolicy: { Name: string }
    CapDrop: string[]
    CapAdd: string[]
    SecurityOpt: string[]
    PidsLimit: number
    NetworkMode: string
    DeviceRequests: { Driver: string; DeviceIDs: string[]; Capabilities: string[][] }[]
  }
}
interface Mount {
  Type: 'bind'
  Source: string
  Target: string
  ReadOnly: boolean
  BindOptions: { Propagation: Propagation }
}
type Propagation = (typeof PROPAGATIONS)[number]
const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const

/** What ordinary training needs of root inside its container; nothing that reaches the host. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID', 'SYS_CHROOT']
/** Enough for data loaders on the largest machine, too little for a fork bomb. */
const PIDS_MAX = 32_768
/** Rotation off, whatever the daemon's default is (decision 9): Docker takes no "unlimited" here, so a size no disk has. */
const LOG_OPTIONS = { 'max-size': '1024p', 'max-file': '1', compress: 'false', mode: 'blocking' }

/** Devices of the spec, or which slot this host does not have. */
export function devicesOf(spec: AllocationSpec, slots: readonly Slot[]): { ok: true; slots: Slot[] } | { ok: false; missing: string } {
  const found: Slot[] = []
  for (const id of spec.slots) {
    const slot = slots.find((candidate) => candidate.id === id)
    if (slot === undefined) return { ok: false, missing: id }
    found.push(slot)
  }
  return { ok: true, slots: found }
}

/** Pure: spec and facts -> create options. `devices` are the slots of the spec (`devicesOf`). */
export function containerOptions(spec: AllocationSpec, paths: { run: string }, devices: readonly Slot[], agentId: string, wiring: Wiring = ALONE): ContainerOptions {
  const gpus = devices.filter((slot) => slot.kind !== 'cpu').map((slot) => slot.uuid)
  return {
    name: containerName(spec),
    Image: spec.image,
    Labels: labelsOf(spec, agentId),
    // all of it here: what an image brings as entrypoint or command is not run
    Entrypoint: [...spec.entrypoint],
    Cmd: [],
    Env: environmentOf(spec, agentId, wiring),
    WorkingDir: spec.workDir,
    User: `${spec.user.uid}:${spec.user.gid}`,
    StopSignal: 'SIGTERM',
    Tty: false,
    HostConfig: {
      Mounts: mountsOf(spec, paths),
      ShmSize: spec.shmBytes,
      LogConfig: { Type: 'json-file', Config: { ...LOG_OPTIONS } },
      Init: true,
      RestartPolicy: { Name: 'no' },
      CapDrop: ['ALL'],
      CapAdd: [...CAPABILITIES],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: PIDS_MAX,
      NetworkMode: wiring.network,
      DeviceRequests: gpus.length === 0 ? [] : [{ Driver: 'nvidia', DeviceIDs: gpus, Capabilities: [['gpu']] }],
    },
  }
}

function labelsOf(spec: AllocationSpec, agentId: string): Record<string, string> {
  return {
    [LABELS.cluster]: spec.clusterId,
    [LABELS.alloc]: spec.alloc,
    [LABELS.epoch]: String(parseAllocationId(spec.alloc)?.epoch ?? 0),
    [LABELS.trial]: String(spec.trialId),
    [LABELS.experiment]: String(spec.experimentId),
    [LABELS.rank]: String(spec.rank),
    [LABELS.agent]: agentId,
    [LABELS.slots]: spec.slots.join(','),
  }
}

function mountsOf(spec: AllocationSpec, paths: { run: string }): Mount[] {
  const run: Mount = { Type: 'bind', Source: paths.run, Target: RUN_DIR, ReadOnly: false, BindOptions: { Propagation: 'rprivate' } }
  const user = spec.binds.map(({ hostPath, containerPath, readOnly, propagation }): Mount => {
    const known = PROPAGATIONS.find((name) => name === propagation) ?? 'rprivate'
    const target = containerPath.startsWith('/') ? containerPath : `${spec.workDir}/${containerPath}`
    return { Type: 'bind', Source: hostPath, Target: target, ReadOnly: readOnly, BindOptions: { Propagation: known } }
  })
  return [run, ...user]
}
