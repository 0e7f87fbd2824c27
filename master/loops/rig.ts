import { realClock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { AgentEvent, NewAgentEvent } from '../../protocol/wire/events.ts'
import type { Heartbeat, Inventory } from '../../protocol/wire/heartbeat.ts'
import type { LoopName } from '../../protocol/wire/subjects.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import type { EventDeps } from '../intake/take-events.ts'
import { openCluster } from '../store/cluster.ts'
import type { Commands, NewExperiment } from '../store/commands.ts'
import { freshDb, type FreshDb } from '../store/fresh-db.ts'
import { acquireLeader } from '../store/leader.ts'
import { makeCommands } from '../store/make-commands.ts'
import type { LoopDeps } from './deps.ts'

/** For tests: tables, a user, a leader and the dependencies of loops and intake; agents are made by hand. */
export interface Rig extends FreshDb {
  deps: LoopDeps
  events: EventDeps
  commands: Commands
  ownerId: number
  incarnation: string
  woken: Set<LoopName>
  poked: string[]
}

export const quietLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => quietLog }
const STORAGE = { type: 's3', bucket: 'b', prefix: 'p', endpoint: null, region: null } as const

export async function openRig(): Promise<Rig> {
  const fresh = await freshDb()
  const { db } = fresh
  const cluster = await openCluster(db)
  const owner = await db.insertInto('users').values({ username: 'ann', display_name: null, password_hash: 'x' }).returning('id').executeTakeFirstOrThrow()
  const epoch = await acquireLeader(db, 'rig')
  const woken = new Set<LoopName>()
  const poked: string[] = []
  const wake = (loop: LoopName): void => void woken.add(loop)
  const deps: LoopDeps = {
    db, log: quietLog, clock: realClock, random: Math.random, signal: new AbortController().signal, clusterId: cluster.clusterId, storage: STORAGE,
    leaderEpoch: () => epoch, wake, poke: (agents) => void poked.push(...agents),
  }
  return {
    ...fresh, deps, woken, poked, ownerId: owner.id, incarnation: cluster.incarnation,
    events: { db, log: quietLog, wake, poke: deps.poke, cluster: { clusterId: cluster.clusterId, storage: STORAGE } },
    commands: makeCommands({ db, storage: STORAGE, wake, pools: { pools: ['default', 'gpu'], compute: 'default', aux: 'default' } }),
  }
}

export function experimentConfig(over: Partial<ExperimentConfig> = {}): ExperimentConfig {
  return {
    name: 'Fashion MNIST', description: '', labels: [], entrypoint: 'python3 train.py',
    environment: { image: { cpu: 'img', cuda: 'img', rocm: '' }, environment_variables: { cpu: [], cuda: [], rocm: [] }, force_pull_image: false },
    hyperparameters: { lr: { type: 'const', val: 0.1 } }, searcher: { name: 'single', metric: 'loss', smaller_is_better: true },
    resources: { slots_per_trial: 1, resource_pool: '', priority: null, shm_size: null }, max_restarts: 1, checkpoint_storage: null,
    bind_mounts: [], reproducibility: { experiment_seed: 1 }, preemption_timeout: 600, ...over,
  }
}

export function newExperiment(rig: Rig, over: Partial<ExperimentConfig> = {}, activate = true): NewExperiment {
  return { config: experimentConfig(over), originalConfig: 'name: x', context: Buffer.from('tar'), ownerId: rig.ownerId, projectId: 1, parentId: null, activate }
}

export function inventory(slots: number, held: Inventory['held'] = []): Inventory {
  return {
    hostname: 'h', version: '0', bootId: 'b', kernel: 'k', os: 'o', cpus: 2, memoryMib: 1, diskFreeMib: 1, docker: '20', driver: null, instanceId: null, instanceType: null, zone: null, held,
    slots: Array.from({ length: slots }, (_, index) => ({ id: `cpu${index}`, kind: 'cpu' as const, uuid: `u${index}`, brand: 'cpu', memoryMib: 0, index })),
  }
}

/** An agent that is enrolled, known with its slots and just heard. */
export async function addAgent(rig: Rig, id: string, slots: number): Promise<void> {
  await rig.db.insertInto('agents').values({
    id, pool: 'default', hostname: 'h', public_key: `U${id}`, version: '0', disabled_slots: '[]', inventory: JSON.stringify(inventory(slots)), inventory_hash: hash(slots), seen_at: new Date(),
  }).execute()
}

export function hash(n: number): string {
  return String(n).padStart(64, '0')
}

export function heartbeat(rig: Rig, over: Partial<Heartbeat> = {}): Heartbeat {
  return { v: 1, inc: 1, store: rig.incarnation, have: 0, inventoryHash: hash(2), outbox: 0, ...over }
}

/** Entries as an outbox numbers them. */
export function numbered(from: number, events: readonly NewAgentEvent[]): AgentEvent[] {
  return events.map((event, index) => ({ ...event, seq: from + index }) as AgentEvent)
}

export const at = 1_700_000_000_000
export const state = (alloc: string, to: 'PULLING' | 'RUNNING'): NewAgentEvent => ({ kind: 'state', t: at, alloc, state: to, containerId: 'c1' })
export const exit = (alloc: string, kind: 'completed' | 'user-error' | 'preempted' | 'image' | 'stopped', text = ''): NewAgentEvent => ({ kind: 'exit', t: at, alloc, exit: kind, code: 0, oomKilled: false, endedAt: at, text })
export const drained = (alloc: string): NewAgentEvent => ({ kind: 'drained', t: at, alloc })
