import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { STORAGE_DIR } from './paths.ts'
import type { Wiring } from './wiring.ts'

/** Where the published `determined` package looks for what it is to know of its run. */
export const INFO_DIR = '/run/determined/info'

/** Names one container of the allocation, as Determined's resources id does. */
export function resourcesId(spec: Pick<AllocationSpec, 'alloc' | 'rank'>): string {
  return `${spec.alloc}.r${spec.rank}`
}

/** Slots as a run counts them, from 0. */
export function slotIds(spec: Pick<AllocationSpec, 'slots'>): number[] {
  return spec.slots.map((_, index) => index)
}

/** What the run should resume from: restored by the agent, or in the user's own storage. */
export function latestOf(spec: Pick<AllocationSpec, 'restore' | 'harness'>): { uuid: string; steps: number } | null {
  return spec.restore ?? spec.harness?.latest ?? null
}

/** The experiment's configuration as the run sees it: the cluster's storage is a directory; storage of the user's own stays as he wrote it. */
export function containerConfig(spec: Pick<AllocationSpec, 'harness'>): Record<string, unknown> {
  const { config = {}, storage = 'cluster' } = spec.harness ?? {}
  if (storage === 'own') return config
  const kept = Object.entries(config['checkpoint_storage'] ?? {}).filter(([name]) => name.startsWith('save_'))
  return { ...config, checkpoint_storage: { ...Object.fromEntries(kept), type: 'directory', container_path: STORAGE_DIR } }
}

/** File name -> JSON for INFO_DIR: what `determined.exec.prep_container` would write, so that it need not run and no image needs it. */
export function infoFiles(spec: AllocationSpec, agentId: string, wiring: Wiring, gpus: readonly string[]): Record<string, string> {
  const id = parseAllocationId(spec.alloc)
  const config = containerConfig(spec)
  const files = {
    'cluster.json': {
      master_url: `http://127.0.0.1:${wiring.gatewayPort}`, cluster_id: spec.clusterId, agent_id: agentId, slot_ids: slotIds(spec), task_id: id?.task ?? '', allocation_id: spec.alloc,
      session_token: spec.token, task_type: spec.taskType ?? 'TRIAL', master_cert_name: null, master_cert_file: null, latest_checkpoint: latestOf(spec)?.uuid ?? null,
    },
    ...(spec.taskType !== undefined ? {} : { 'trial.json': {
      trial_id: spec.trialId, experiment_id: spec.experimentId, trial_seed: spec.seed, hparams: spec.hparams, config, steps_completed: latestOf(spec)?.steps ?? 0,
      trial_run_id: id?.epoch ?? 0, debug: config['debug'] === true, inter_node_network_interface: wiring.interface ?? null,
    } }),
    'rendezvous.json': rendezvousOf(spec, wiring.peers),
    'resources.json': { gpu_uuids: gpus },
  }
  return Object.fromEntries(Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]))
}

/** Who is where, in order of rank. */
export function rendezvousOf(spec: Pick<AllocationSpec, 'rank' | 'slots' | 'harness'>, peers: Wiring['peers']): { container_addrs: string[]; container_rank: number; container_slot_counts: number[] } {
  const addresses = peers.map((peer) => peer.address)
  return { container_addrs: addresses, container_rank: spec.rank, container_slot_counts: addresses.map((_, rank) => spec.harness?.slotsByRank[rank] ?? spec.slots.length) }
}
