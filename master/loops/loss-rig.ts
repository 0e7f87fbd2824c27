import { createHash } from 'node:crypto'
import type { Bucket } from '../../protocol/bucket/door.ts'
import { manifestKey } from '../../protocol/bucket/layout.ts'
import type { LossDeps } from './loss-loop.ts'
import { addAgent, newExperiment, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

/** For tests: a loss loop that has listened for an hour. */
export function lossDeps(rig: Rig, over: Partial<ReturnType<LossDeps['hearing']>> = {}): LossDeps {
  return { ...rig.deps, clockWatch: { steadyForMs: () => Number.POSITIVE_INFINITY }, hearing: () => ({ lostMs: 300_000, canaryHealthyForMs: 3_600_000, canaryLastWordMs: 0, masterUpForMs: 3_600_000, ...over }) }
}

export async function silence(rig: Rig, seconds: number, ...agents: string[]): Promise<void> {
  await rig.db.updateTable('agents').set({ seen_at: new Date(Date.now() - seconds * 1000) }).where('id', 'in', agents).execute()
}

/** An instance of EC2 whose agent has the same id. */
export async function addInstance(rig: Rig, id: string, state: 'READY' | 'TERMINATING' | 'GONE' = 'READY'): Promise<void> {
  await rig.db.insertInto('launches').values({ id: `l-${id}`, pool: 'default', type: 't', zone: 'z', market: 'on-demand', gang: false, count: 1, slots: 2, allocations: '[]', state: 'DONE' }).execute()
  await rig.db.insertInto('instances').values({ id, launch_id: `l-${id}`, pool: 'default', type: 't', zone: 'z', market: 'on-demand', slots: 2, state, launched_at: new Date() }).execute()
}

/** An experiment whose trial waits; the allocation is returned. */
export async function submit(rig: Rig): Promise<{ alloc: string; trialId: number; experimentId: number }> {
  const made = await rig.commands.createExperiment(newExperiment(rig))
  return { ...made, alloc: `trial-${made.trialId}.1` }
}

/** A gang as the scheduler will place it: one rank on each agent, two slots each. */
export async function submitGang(rig: Rig, agents: readonly string[]): Promise<{ alloc: string; trialId: number; experimentId: number }> {
  for (const agent of agents) await addAgent(rig, agent, 2)
  const made = await submit(rig)
  await schedulePass(rig.deps)
  const { spec_digest } = await rig.db.deleteFrom('allocation_members').where('allocation_id', '=', made.alloc).returning('spec_digest').executeTakeFirstOrThrow()
  await rig.db.insertInto('allocation_members').values(agents.map((agent, rank) => ({ allocation_id: made.alloc, rank, agent_id: agent, slot_ids: '["cpu0","cpu1"]', spec_digest, state: 'ASSIGNED' as const }))).execute()
  return made
}

export interface Uploaded {
  uuid: string
  alloc: string
  epoch: number
  ordinal: number
  steps: number
}

/** What an agent leaves in the bucket: one file, the manifest last. Returns the digest of the manifest. */
export async function upload(bucket: Bucket, root: string, one: Uploaded, over: object = {}): Promise<string> {
  const signal = new AbortController().signal
  const prefix = `${root}/checkpoints/e${one.epoch}-${one.ordinal}/${one.uuid}`
  const file = Buffer.from(`weights at ${one.steps}`)
  await bucket.putBytes(`${prefix}/model.bin`, file, { signal, create: false })
  const files = [{ name: 'model.bin', size: file.length, sha256: createHash('sha256').update(file).digest('hex'), mode: 0o644 }]
  const manifest = Buffer.from(JSON.stringify({ format: 'drover-manifest/1', ...one, parent: null, createdAt: '2026', metadata: { note: 'x' }, files, ...over }))
  await bucket.putBytes(manifestKey(prefix), manifest, { signal, create: false })
  return createHash('sha256').update(manifest).digest('hex')
}
