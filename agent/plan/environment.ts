import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerConfig, latestOf, resourcesId, slotIds } from './harness.ts'
import { RUN_DIR, RUN_NAMES } from './paths.ts'
import type { Wiring } from './wiring.ts'

/** An image or a user must not reach GPUs that were not assigned: devices come by request only. */
const STRIPPED = ['NVIDIA_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES']

/** Nothing that a command has. */
const OF_TRIALS = ['DET_TRIAL_ID', 'DET_EXPERIMENT_ID', 'DET_TRIAL_RUN_ID', 'DET_TRIAL_SEED', 'DET_HPARAMS', 'DET_STEPS_COMPLETED', 'DROVER_HPARAMS', 'DROVER_EXPERIMENT_ID', 'DROVER_TRIAL_ID', 'DROVER_SEED', 'DROVER_STEPS_COMPLETED']

/** The script's contract (ARCHITECTURE.md): user's variables, then the master's, then these over them. Sorted `NAME=value`. */
export function environmentOf(spec: AllocationSpec, agentId: string, wiring: Wiring): string[] {
  const variables: Record<string, string> = { ...launcherVariables(spec, wiring), ...spec.env, ...droverVariables(spec, wiring), ...determinedVariables(spec, agentId, wiring) }
  for (const name of [...STRIPPED, ...(spec.taskType === undefined ? [] : OF_TRIALS)]) delete variables[name]
  if (latestOf(spec) === null) delete variables['DET_LATEST_CHECKPOINT']
  return Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`)
}

/**
 * What torch.distributed.run (torchrun) takes as the defaults of its options, and where gloo listens: on a host's network
 * it would take the address of the host's name, often 127.0.1.1; and where pip puts what a run installs for itself. The one group that the user may set otherwise.
 */
function launcherVariables(spec: AllocationSpec, wiring: Wiring): Record<string, string> {
  const first = wiring.peers[0]
  return {
    PYTHONUSERBASE: '/run/determined/pythonuserbase',
    PET_NNODES: String(spec.worldSize), PET_NODE_RANK: String(spec.rank), PET_NPROC_PER_NODE: String(Math.max(1, spec.slots.length)),
    PET_MASTER_ADDR: first?.address ?? '', PET_MASTER_PORT: String(first?.port ?? ''),
    ...(wiring.interface === undefined ? {} : { GLOO_SOCKET_IFNAME: wiring.interface }),
  }
}

function droverVariables(spec: AllocationSpec, wiring: Wiring): Record<string, string> {
  const rank = String(spec.rank)
  const worldSize = String(spec.worldSize)
  const first = wiring.peers[0]
  const [masterAddress, masterPort] = [first?.address ?? '', String(first?.port ?? '')]
  return {
    DROVER_CHECKPOINT_DIR: `${RUN_DIR}/${RUN_NAMES.checkpoints}`,
    DROVER_METRICS_FILE: `${RUN_DIR}/${RUN_NAMES.metrics}`,
    DROVER_PREEMPT_FILE: `${RUN_DIR}/${RUN_NAMES.preempt}`,
    ...(spec.restore === null ? {} : { DROVER_RESTORE_DIR: `${RUN_DIR}/${RUN_NAMES.restored}` }),
    DROVER_HPARAMS: JSON.stringify(spec.hparams),
    DROVER_RANK: rank, DROVER_WORLD_SIZE: worldSize, DROVER_MASTER_ADDR: masterAddress, DROVER_MASTER_PORT: masterPort,
    RANK: rank, WORLD_SIZE: worldSize, MASTER_ADDR: masterAddress, MASTER_PORT: masterPort,
    DROVER_PEERS: JSON.stringify(wiring.peers.map((peer) => peer.address)),
    DROVER_EXPERIMENT_ID: String(spec.experimentId),
    DROVER_TRIAL_ID: String(spec.trialId),
    DROVER_ALLOCATION_ID: spec.alloc,
    DROVER_SEED: String(spec.seed),
    DROVER_STEPS_COMPLETED: String(spec.restore?.steps ?? 0),
    DROVER_SLOTS: JSON.stringify(spec.slots),
  }
}

function determinedVariables(spec: AllocationSpec, agentId: string, { gatewayPort, peers, interface: name }: Wiring): Record<string, string> {
  const id = parseAllocationId(spec.alloc)
  const latest = latestOf(spec)
  const port = peers[0]?.port ?? 0
  const config = JSON.stringify(containerConfig(spec))
  return {
    DET_MASTER: `http://127.0.0.1:${gatewayPort}`,
    DET_MASTER_HOST: '127.0.0.1', DET_MASTER_ADDR: '127.0.0.1', DET_MASTER_PORT: String(gatewayPort), DET_USE_TLS: 'false',
    DET_CLUSTER_ID: spec.clusterId,
    DET_AGENT_ID: agentId,
    DET_SLOT_IDS: JSON.stringify(slotIds(spec)),
    DET_TASK_ID: id?.task ?? '',
    DET_TASK_TYPE: spec.taskType ?? 'TRIAL',
    DET_ALLOCATION_ID: spec.alloc,
    // the gateway puts the allocation's own credentials in place of any that a call brings
    DET_SESSION_TOKEN: spec.token, DET_USER_TOKEN: spec.token, DET_USER: spec.harness?.owner.name ?? spec.user.name,
    DET_TRIAL_ID: String(spec.trialId),
    DET_EXPERIMENT_ID: String(spec.experimentId),
    DET_TRIAL_RUN_ID: String(id?.epoch ?? 0),
    DET_TRIAL_SEED: String(spec.seed),
    ...fitting('DET_EXPERIMENT_CONFIG', spec.harness === undefined ? undefined : config),
    DET_HPARAMS: JSON.stringify(spec.hparams),
    DET_STEPS_COMPLETED: String(latest?.steps ?? 0),
    ...(latest === null ? {} : { DET_LATEST_CHECKPOINT: latest.uuid }),
    DET_RESOURCES_TYPE: 'docker-container', DET_RESOURCES_ID: resourcesId(spec), DET_CONTAINER_ID: resourcesId(spec),
    DET_WORKDIR: spec.workDir, DET_RUN_DIR: '/run/determined', DET_SKIP_PIP_INSTALL: '1',
    DET_TASK_LOGGING_METADATA: JSON.stringify({ task_id: id?.task ?? '', allocation_id: spec.alloc, container_id: resourcesId(spec), agent_id: agentId }),
    DET_SEGMENT_ENABLED: 'false',
    ...(name === undefined ? {} : { DET_INTER_NODE_NETWORK_INTERFACE: name }),
    // the member's four ports that are free for the run, the same for all members: those of rank 0
    C10D_PORT: String(port), INTER_TRAIN_PROCESS_COMM_PORT_1: String(port + 1), INTER_TRAIN_PROCESS_COMM_PORT_2: String(port + 2), DTRAIN_SSH_PORT: String(port + 3),
  }
}

/** Linux takes no variable of 128 KiB or more: such a configuration is in trial.json alone. */
const VARIABLE_BYTES_MAX = 131_072

function fitting(name: string, value: string | undefined): Record<string, string> {
  return value === undefined || value.replace(/[\u0080-\uffff]/g, '???').length + name.length + 2 > VARIABLE_BYTES_MAX ? {} : { [name]: value }
}
