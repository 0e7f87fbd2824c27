import { randomUUID } from 'node:crypto'
import type { ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import type { Inventory } from '../../../protocol/wire/heartbeat.ts'
import type { AllocationState, ExperimentState, TrialState } from '../../../protocol/words/states.ts'
import type { Db } from '../../store/db.ts'
import type { StoredLine } from '../../store/schema.ts'
import { hashToken } from '../../store/secrets.ts'

export const CONFIG: ExperimentConfig = {
  name: 'fashion', description: 'a test', labels: ['a', 'b'], entrypoint: 'python3 train.py',
  environment: { image: { cpu: 'img', cuda: 'img', rocm: 'img' }, environment_variables: { cpu: [], cuda: [], rocm: [] }, force_pull_image: false },
  hyperparameters: { lr: { type: 'const', val: 0.1 } }, searcher: { name: 'single', metric: 'accuracy', smaller_is_better: false },
  resources: { slots_per_trial: 1, resource_pool: '', priority: null, shm_size: null }, max_restarts: 5,
  checkpoint_storage: null, bind_mounts: [], reproducibility: { experiment_seed: 7 }, preemption_timeout: 3600,
}

export async function seedExperiment(db: Db, options: { ownerId: number; state?: ExperimentState; name?: string; labels?: string[]; archived?: boolean; allocation?: AllocationState | null; trialState?: TrialState; config?: Partial<ExperimentConfig> }): Promise<{ experimentId: number; trialId: number; taskId: string; allocationId: string }> {
  const config = { ...CONFIG, ...options.config }
  const { state = 'ACTIVE', name = config.name } = options
  const { id: experimentId } = await db.insertInto('experiments').values({
    name, slug: name, description: config.description, labels: JSON.stringify(options.labels ?? config.labels), state, archived: options.archived ?? false, owner_id: options.ownerId, parent_id: null, config: JSON.stringify(config),
    original_config: `name: ${name}`, context_digest: null, resource_pool: 'default', slots_per_trial: 1, priority: 42, max_restarts: 5, searcher: JSON.stringify(config.searcher), project_id: 1,
    ended_at: ['COMPLETED', 'CANCELED', 'ERROR'].includes(state) ? new Date() : null,
  }).returning('id').executeTakeFirstOrThrow()
  const { trialId, taskId } = await seedTrial(db, experimentId, options.trialState ?? (state === 'COMPLETED' || state === 'CANCELED' || state === 'ERROR' ? state : 'ACTIVE'))
  const allocationId = `${taskId}.1`
  const allocation = options.allocation === undefined ? 'RUNNING' : options.allocation
  if (allocation !== null) await db.insertInto('allocations').values({ id: allocationId, task_id: taskId, epoch: 1, state: allocation, pool: 'default', slots: 1, exit_kind: null, exit_code: null, wait_reason: allocation === 'PENDING' ? 'no agent of pool default has a free slot' : '' }).execute()
  return { experimentId, trialId, taskId, allocationId }
}

async function seedTrial(db: Db, experimentId: number, state: TrialState): Promise<{ trialId: number; taskId: string }> {
  return db.transaction().execute(async (tx) => {
    const temporary = randomUUID()
    await tx.insertInto('tasks').values({ id: temporary, kind: 'TRIAL', experiment_id: experimentId, epoch: 1 }).execute()
    const { id: trialId } = await tx.insertInto('trials').values({ experiment_id: experimentId, request_id: randomUUID(), task_id: temporary, state, hparams: JSON.stringify({ lr: 0.1 }), seed: 7, searcher_metric: null }).returning('id').executeTakeFirstOrThrow()
    const taskId = `trial-${trialId}`
    await tx.insertInto('tasks').values({ id: taskId, kind: 'TRIAL', experiment_id: experimentId, epoch: 1 }).execute()
    await tx.updateTable('trials').set({ task_id: taskId }).where('id', '=', trialId).execute()
    await tx.deleteFrom('tasks').where('id', '=', temporary).execute()
    return { trialId, taskId }
  })
}

/** Appends lines as the intake does: one chunk, numbered on from the newest line. */
export async function seedLines(db: Db, taskId: string, texts: readonly string[], more: { level?: string; std?: 'stdout' | 'stderr'; rank?: number; at?: number } = {}): Promise<void> {
  const at = more.at ?? 1_700_000_000_000
  const lines: StoredLine[] = texts.map((text, i) => [at + i, more.std ?? 'stdout', more.level ?? 'INFO', text])
  await db.transaction().execute(async (tx) => {
    const { log_lines: last } = await tx.updateTable('tasks').set((eb) => ({ log_lines: eb('log_lines', '+', texts.length) })).where('id', '=', taskId).returning('log_lines').executeTakeFirstOrThrow()
    await tx.insertInto('log_chunks').values({
      task_id: taskId, first_line: last - texts.length + 1, line_count: texts.length, allocation_id: `${taskId}.1`, rank: more.rank ?? 0, agent_id: 'agent-1', container_id: '0123456789abcdef', source: 'task',
      first_at: new Date(at), last_at: new Date(at + texts.length), lines: JSON.stringify(lines),
    }).execute()
  })
}

export async function endTask(db: Db, taskId: string): Promise<void> {
  await db.updateTable('allocations').set({ state: 'SEALED' }).where('task_id', '=', taskId).execute()
  await db.updateTable('trials').set({ state: 'COMPLETED', ended_at: new Date() }).where('task_id', '=', taskId).execute()
  await db.updateTable('tasks').set({ ended_at: new Date() }).where('id', '=', taskId).execute()
}

export async function seedCheckpoint(db: Db, of: { experimentId: number; trialId: number; taskId: string; allocationId: string }, options: { steps: number; files: Record<string, number>; ordinal?: number; state?: 'ACTIVE' | 'COMPLETED' | 'ERROR' }): Promise<{ uuid: string; prefix: string }> {
  const uuid = randomUUID()
  const ordinal = options.ordinal ?? 1
  const prefix = `p/cluster-1/experiments/${of.experimentId}-fashion/trials/${of.trialId}/checkpoints/e1-${ordinal}/${uuid}`
  await db.insertInto('checkpoints').values({
    uuid, task_id: of.taskId, trial_id: of.trialId, experiment_id: of.experimentId, allocation_id: of.allocationId, epoch: 1, ordinal, steps: options.steps, state: options.state ?? 'COMPLETED', prefix,
    manifest_digest: null, resources: JSON.stringify(options.files), bytes: Object.values(options.files).reduce((a, b) => a + b, 0), metadata: JSON.stringify({ framework: 'numpy' }), metrics: '{}', report_time: new Date(),
  }).execute()
  return { uuid, prefix }
}

export async function seedMetrics(db: Db, trialId: number, group: string, steps: number, values: Record<string, unknown>): Promise<void> {
  await db.insertInto('metrics').values({ trial_id: trialId, epoch: 1, group, steps, values: JSON.stringify(values), reported_at: new Date() }).execute()
}

export async function seedEvent(db: Db, text: string, experimentId: number | null = null): Promise<void> {
  await db.insertInto('events').values({ kind: 'test', experiment_id: experimentId, trial_id: null, allocation_id: null, agent_id: null, text, data: '{}' }).execute()
}

export async function seedAgent(db: Db, id: string, slots: number): Promise<void> {
  const inventory: Inventory = {
    hostname: `${id}.local`, version: '0.1.0', bootId: 'boot', kernel: '6.1', os: 'Debian 12', cpus: 8, memoryMib: 32_000, diskFreeMib: 100_000, docker: '27', driver: null, instanceId: null, instanceType: null, zone: null, held: [],
    slots: Array.from({ length: slots }, (_, index) => ({ id: `cpu-${index}`, kind: 'cpu' as const, uuid: `uuid-${index}`, brand: 'Some CPU', memoryMib: 0, index })),
  }
  await db.insertInto('agents').values({ id, pool: 'default', hostname: inventory.hostname, public_key: 'U', version: '0.1.0', inventory: JSON.stringify(inventory), disabled_slots: '[]', seen_at: new Date() }).execute()
}

export async function seedMember(db: Db, allocationId: string, agentId: string, slotIds: string[], state: AllocationState = 'RUNNING'): Promise<void> {
  await db.insertInto('allocation_members').values({ allocation_id: allocationId, rank: 0, agent_id: agentId, slot_ids: JSON.stringify(slotIds), spec_digest: 'd', state, container_id: 'c0ffee' }).execute()
}

export async function seedAllocationToken(db: Db, allocationId: string): Promise<string> {
  const token = `alloc-${randomUUID()}`
  await db.insertInto('tokens').values({ hash: hashToken(token), kind: 'allocation', user_id: null, allocation_id: allocationId, agent_id: null, expires_at: null }).execute()
  return token
}
