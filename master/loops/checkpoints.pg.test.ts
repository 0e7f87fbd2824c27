import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { manifestKey, pointerKey } from '../../protocol/bucket/layout.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../intake/take-events.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import type { CheckpointDeps } from './checkpoint-deps.ts'
import { checkpointsPass } from './checkpoints-loop.ts'
import { claimBucket } from './claim-bucket.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { addAgent, at, drained, exit, newExperiment, numbered, openRig, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('checkpoints', () => {
  const signal = new AbortController().signal
  let rig: Rig
  let bucket: Bucket
  let directory = ''
  let deps: CheckpointDeps
  let alloc = ''
  let trialId = 0
  beforeAll(async () => {
    rig = await openRig()
    directory = await mkdtemp(join(tmpdir(), 'drover-checkpoints-'))
    bucket = openBucket({ type: 'directory', path: directory }, rig.deps)
    deps = { ...rig.deps, buckets: { of: () => bucket, close: () => undefined }, verify: verifyCheckpoint }
  })
  afterAll(async () => {
    await rig.drop()
    await rm(directory, { recursive: true })
  })
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors'] as const) await rig.db.deleteFrom(table).execute()
    await addAgent(rig, 'a1', 2)
    trialId = (await rig.commands.createExperiment(newExperiment(rig))).trialId
    alloc = `trial-${trialId}.1`
    await schedulePass(rig.deps)
  })
  const take = (from: number, ...events: NewAgentEvent[]): Promise<number> => takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(from, events) })
  const row = (uuid: string) => rig.db.selectFrom('checkpoints').selectAll().where('uuid', '=', uuid).executeTakeFirstOrThrow()

  async function upload(uuid: string, steps: number, ordinal: number, over: object = {}): Promise<NewAgentEvent> {
    const { prefix, epoch } = await row(uuid)
    const file = Buffer.from(`weights at ${steps}`)
    const sha256 = createHash('sha256').update(file).digest('hex')
    await bucket.putBytes(`${prefix}/model.bin`, file, { signal, create: true })
    const manifest = Buffer.from(JSON.stringify({ format: 'drover-manifest/1', uuid, alloc, epoch, ordinal, steps, parent: null, createdAt: '2026', metadata: { note: 'x' }, files: [{ name: 'model.bin', size: file.length, sha256, mode: 0o644 }], ...over }))
    await bucket.putBytes(manifestKey(prefix), manifest, { signal, create: true })
    return { kind: 'checkpoint-uploaded', t: at, alloc, uuid, ordinal, steps, manifest: createHash('sha256').update(manifest).digest('hex'), files: 1, bytes: file.length, metadata: {} }
  }
  const declare = (uuid: string, steps: number, ordinal: number): NewAgentEvent => ({ kind: 'checkpoint-declared', t: at, alloc, uuid, ordinal, steps })

  test('verified, committed with the metrics of its step, pointed to; the seal waits for it; the next attempt resumes from the newest (I5)', async () => {
    const [first, second] = [randomUUID(), randomUUID()]
    await take(1, { kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: 20, t: at, values: { loss: 0.5 } }, { group: 'validation', steps: 30, t: at, values: { loss: 0.1 } }] }, declare(first, 10, 1), declare(second, 20, 2))
    await take(4, exit(alloc, 'preempted'), drained(alloc))
    await lifecyclePass(rig.deps)
    expect((await rig.db.selectFrom('allocations').select('state').executeTakeFirstOrThrow()).state).toBe('DRAINING')
    await take(6, await upload(first, 10, 1), await upload(second, 20, 2))
    await checkpointsPass(deps, signal)
    const committed = await row(second)
    expect(committed).toMatchObject({ state: 'COMPLETED', pointer_written: true, resources: { 'model.bin': 13 }, bytes: 13, metadata: { note: 'x' }, metrics: { validation: { loss: 0.5 } } })
    const root = committed.prefix.split('/checkpoints/')[0] ?? ''
    expect(JSON.parse(Buffer.from(await bucket.getBytes(pointerKey(root, 20, second), { signal, maxBytes: 100_000 })).toString())).toMatchObject({ state: 'COMPLETED', uuid: second, steps: 20, prefix: committed.prefix })
    await lifecyclePass(rig.deps)
    await schedulePass(rig.deps)
    const member = await rig.db.selectFrom('allocation_members as m').innerJoin('blobs as b', 'b.digest', 'm.spec_digest').select('b.bytes').where('m.allocation_id', '=', `trial-${trialId}.2`).executeTakeFirstOrThrow()
    expect(JSON.parse(member.bytes.toString())).toMatchObject({ restore: { uuid: second, steps: 20, ordinal: 2, prefix: committed.prefix }, env: { DET_STEPS_COMPLETED: '20', DET_LATEST_CHECKPOINT: second } })
    expect(await rig.db.selectFrom('metrics').select(['steps', 'replaced']).orderBy('steps').execute()).toEqual([{ steps: 20, replaced: false }, { steps: 30, replaced: true }])
    expect(await rig.db.selectFrom('trials').select(['steps_completed', 'searcher_metric']).executeTakeFirst()).toEqual({ steps_completed: 20, searcher_metric: 0.5 })
  })

  test('bytes that are not what they claim to be are refused with the reason, and hold up no seal', async () => {
    const [missing, lying] = [randomUUID(), randomUUID()]
    await take(1, declare(missing, 10, 1), declare(lying, 20, 2))
    const uploaded = await upload(missing, 10, 1)
    await bucket.remove(`${(await row(missing)).prefix}/model.bin`, { signal })
    await take(3, uploaded, await upload(lying, 20, 2, { steps: 99 }), exit(alloc, 'completed'), drained(alloc))
    await checkpointsPass(deps, signal)
    expect((await row(missing)).state).toBe('ERROR')
    expect(await row(lying)).toMatchObject({ state: 'ERROR', error: 'the manifest\'s steps is 99, declared was 20' })
    await lifecyclePass(rig.deps)
    expect((await rig.db.selectFrom('trials').select('state').executeTakeFirstOrThrow()).state).toBe('COMPLETED')
  })

  test('a checkpoint that never arrives holds up the seal no longer than an hour', async () => {
    const uuid = randomUUID()
    await take(1, declare(uuid, 10, 1), exit(alloc, 'completed'))
    await lifecyclePass(rig.deps)
    expect((await row(uuid)).state).toBe('ACTIVE')
    await rig.db.updateTable('allocations').set({ ended_at: new Date(Date.now() - 3_700_000) }).execute()
    await lifecyclePass(rig.deps)
    expect(await row(uuid)).toMatchObject({ state: 'ERROR', error: expect.stringContaining('within 60 minutes') })
    expect((await rig.db.selectFrom('experiments').select('state').executeTakeFirstOrThrow()).state).toBe('COMPLETED')
  })

  test('a bucket that cannot be asked refuses nothing: the loop backs off and tries again', async () => {
    const uuid = randomUUID()
    await take(1, declare(uuid, 10, 1))
    await take(2, await upload(uuid, 10, 1))
    await expect(checkpointsPass({ ...deps, verify: () => Promise.resolve({ ok: false, transient: true, error: 'no route' }) }, signal)).rejects.toThrow('no route')
    expect((await row(uuid)).state).toBe('ACTIVE')
    await checkpointsPass(deps, signal)
    expect((await row(uuid)).state).toBe('COMPLETED')
  })

  test('nothing commits from an epoch that is over (I3)', async () => {
    const uuid = randomUUID()
    await take(1, declare(uuid, 10, 1))
    await take(2, await upload(uuid, 10, 1))
    await rig.db.updateTable('tasks').set({ epoch: 2 }).execute()
    await checkpointsPass(deps, signal)
    expect((await row(uuid)).state).toBe('ACTIVE')
  })

  test('a crash between commit and pointer costs nothing', async () => {
    const uuid = randomUUID()
    await take(1, declare(uuid, 10, 1))
    await take(2, await upload(uuid, 10, 1))
    const broken: Bucket = { ...bucket, url: bucket.url, putBytes: () => Promise.reject(new BucketError('transient', 'reset')) }
    const blind = { ...deps, verify: (_bucket: Bucket, ...rest: [string, string, AbortSignal]) => verifyCheckpoint(bucket, ...rest), buckets: { of: () => broken, close: () => undefined } }
    await expect(checkpointsPass(blind, signal)).rejects.toThrow('reset')
    expect(await row(uuid)).toMatchObject({ state: 'COMPLETED', pointer_written: false })
    await checkpointsPass(deps, signal)
    expect(await row(uuid)).toMatchObject({ state: 'COMPLETED', pointer_written: true })
  })

  test('the prefix is claimed once, by one cluster', async () => {
    const claim = { bucket, prefix: 'claimed', clusterId: 'c1', clusterName: 'n', createdAt: 'now' }
    await claimBucket(claim, signal)
    await claimBucket({ ...claim, createdAt: 'later' }, signal)
    await bucket.putBytes('other/c1/cluster.json', Buffer.from('{"clusterId":"c2"}'), { signal, create: true })
    await expect(claimBucket({ ...claim, prefix: 'other' }, signal)).rejects.toThrow(/belongs to cluster c2, this is cluster c1/)
  })
})
