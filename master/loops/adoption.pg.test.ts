import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { pointerKey } from '../../protocol/bucket/layout.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../intake/take-events.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { adoptionPass } from './adoption-loop.ts'
import type { CheckpointDeps } from './checkpoint-deps.ts'
import { checkpointsPass } from './checkpoints-loop.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { lossPass } from './loss-loop.ts'
import { addInstance, lossDeps, silence, submit, submitGang, upload } from './loss-rig.ts'
import { addAgent, at, drained, exit, numbered, openRig, state, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('seal, then scan (F3)', () => {
  const signal = new AbortController().signal
  let rig: Rig
  let bucket: Bucket
  let directory = ''
  let deps: CheckpointDeps
  let alloc = ''
  let trialId = 0
  let root = ''
  beforeAll(async () => {
    rig = await openRig()
    directory = await mkdtemp(join(tmpdir(), 'drover-adoption-'))
    bucket = openBucket({ type: 'directory', path: directory }, rig.deps)
    deps = { ...rig.deps, buckets: { of: () => bucket, close: () => undefined }, verify: verifyCheckpoint }
  })
  afterAll(async () => {
    await rig.drop()
    await rm(directory, { recursive: true })
  })
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors', 'instances', 'launches', 'events'] as const) await rig.db.deleteFrom(table).execute()
  })

  async function begin(): Promise<void> {
    await addAgent(rig, 'a1', 2)
    const made = await submit(rig)
    ;({ alloc, trialId } = made)
    root = `p/${rig.deps.clusterId}/experiments/${made.experimentId}-fashion-mnist/trials/${trialId}`
    await schedulePass(rig.deps)
  }
  const take = (from: number, ...events: NewAgentEvent[]): Promise<number> => takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(from, events) })
  const declare = (uuid: string, steps: number, ordinal: number): NewAgentEvent => ({ kind: 'checkpoint-declared', t: at, alloc, uuid, ordinal, steps })
  const put = (uuid: string, steps: number, ordinal: number, over: object = {}): Promise<string> => upload(bucket, root, { uuid, alloc, epoch: 1, ordinal, steps }, over)
  const rows = () => rig.db.selectFrom('checkpoints').select(['uuid', 'state', 'steps', 'error', 'pointer_written']).orderBy('steps').orderBy('ordinal').execute()
  const allocation = () => rig.db.selectFrom('allocations').selectAll().where('id', '=', alloc).executeTakeFirstOrThrow()
  const texts = async (kind: string): Promise<string[]> => (await rig.db.selectFrom('events').select('text').where('kind', '=', kind).orderBy('id').execute()).map((row) => row.text)
  async function lose(): Promise<void> {
    await silence(rig, 400, 'a1')
    await lossPass(lossDeps(rig))
    expect((await allocation()).state).toBe('DRAINING')
  }
  /** What the next attempt is given to resume from. */
  async function restore(): Promise<{ uuid: string; steps: number } | null> {
    await lifecyclePass(rig.deps)
    await rig.db.updateTable('agents').set({ seen_at: new Date(), lost_at: null }).execute()
    await schedulePass(rig.deps)
    const spec = await rig.db.selectFrom('allocation_members as m').innerJoin('blobs as b', 'b.digest', 'm.spec_digest').select('b.bytes').where('m.allocation_id', '=', `trial-${trialId}.2`).executeTakeFirstOrThrow()
    return (JSON.parse(spec.bytes.toString()) as { restore: { uuid: string; steps: number } | null }).restore
  }

  test('uploaded and never reported: adopted, pointed to and resumed from; declared and never uploaded: given up (I5)', async () => {
    await begin()
    const [reported, silent, unheard, torn] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
    await take(1, state(alloc, 'RUNNING'), declare(reported, 10, 1), { kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: 30, t: at, values: { loss: 0.5 } }] })
    await take(4, { kind: 'checkpoint-uploaded', t: at, alloc, uuid: reported, ordinal: 1, steps: 10, manifest: await put(reported, 10, 1), files: 1, bytes: 13, metadata: {} }, declare(silent, 20, 2), declare(torn, 40, 4))
    await put(silent, 20, 2)
    await put(unheard, 30, 3)
    await bucket.putBytes(`${root}/checkpoints/e1-4/${torn}/model.bin`, Buffer.from('half'), { signal, create: true })
    await lose()
    await lifecyclePass(rig.deps)
    expect((await allocation()).state).toBe('DRAINING')
    await adoptionPass(deps, signal)
    await lifecyclePass(rig.deps)
    expect((await allocation()).state).toBe('DRAINING') // the reported one is still to be verified
    await checkpointsPass(deps, signal)
    expect(await restore()).toMatchObject({ uuid: unheard, steps: 30 })
    expect(await rows()).toEqual([
      { uuid: reported, state: 'COMPLETED', steps: 10, error: '', pointer_written: true }, { uuid: silent, state: 'COMPLETED', steps: 20, error: '', pointer_written: true },
      { uuid: unheard, state: 'COMPLETED', steps: 30, error: '', pointer_written: true },
      { uuid: torn, state: 'ERROR', steps: 40, error: 'not committed: an agent was lost, and what it left in the bucket is looked through', pointer_written: false },
    ])
    expect(JSON.parse(Buffer.from(await bucket.getBytes(pointerKey(root, 30, unheard), { signal, maxBytes: 100_000 })).toString())).toMatchObject({ state: 'COMPLETED', uuid: unheard, epoch: 1, metadata: { note: 'x' }, metrics: { validation: { loss: 0.5 } } })
    expect(await texts('allocation-adopted')).toEqual([`what allocation ${alloc} left in the bucket was looked through: its newest checkpoint is ${unheard} at step 30`])
  })

  test.each<[string, (uuid: string) => Promise<unknown>, RegExp]>([
    ['torn: a file is not there', async (uuid) => { await put(uuid, 40, 4); await bucket.remove(`${root}/checkpoints/e1-4/${uuid}/model.bin`, { signal }) }, /model\.bin/],
    ['torn: a file is shorter', async (uuid) => { await put(uuid, 40, 4); await bucket.putBytes(`${root}/checkpoints/e1-4/${uuid}/model.bin`, Buffer.from('x'), { signal, create: false }) }, /has 1 bytes/],
    ['no JSON', (uuid) => bucket.putBytes(`${root}/checkpoints/e1-4/${uuid}/manifest.json`, Buffer.from('{'), { signal, create: true }), /is not JSON/],
    ['another attempt\'s', (uuid) => put(uuid, 40, 4, { epoch: 7 }), /manifest's epoch is 7/],
    ['another uuid\'s', (uuid) => put(uuid, 40, 4, { uuid: randomUUID() }), /manifest's uuid is/],
    ['another trial\'s', (uuid) => put(uuid, 40, 4, { alloc: 'trial-9.1' }), /manifest's alloc is trial-9\.1/],
  ])('%s: left alone, with the reason', async (_name, leave, reason) => {
    await begin()
    const uuid = randomUUID()
    await leave(uuid)
    await put(randomUUID(), 10, 1)
    await lose()
    await adoptionPass(deps, signal)
    expect(await rows()).toMatchObject([{ state: 'COMPLETED', steps: 10 }])
    expect(await texts('checkpoint-ignored')).toEqual([expect.stringMatching(reason)])
    expect(await restore()).toMatchObject({ steps: 10 })
  })

  test('what lies beside is nobody\'s: other epochs, other names', async () => {
    await begin()
    for (const key of [`e11-1/${randomUUID()}/manifest.json`, `e1-0/${randomUUID()}/manifest.json`, 'e1-1/no-uuid/manifest.json', `e1-1/${randomUUID()}/sub/manifest.json`, 'e1-1/manifest.json']) {
      await bucket.putBytes(`${root}/checkpoints/${key}`, Buffer.from('{}'), { signal, create: true })
    }
    await lose()
    await adoptionPass(deps, signal)
    expect(await rows()).toEqual([])
    expect(await texts('checkpoint-ignored')).toEqual([])
    expect(await restore()).toBeNull()
  })

  test('a late manifest of a zombie, after the seal, is never used (I3)', async () => {
    await begin()
    await lose()
    await adoptionPass(deps, signal)
    await lifecyclePass(rig.deps)
    expect((await allocation()).state).toBe('SEALED')
    const late = randomUUID()
    const manifest = await put(late, 99, 1)
    await adoptionPass(deps, signal)
    await take(1, declare(late, 99, 1), { kind: 'checkpoint-uploaded', t: at, alloc, uuid: late, ordinal: 1, steps: 99, manifest, files: 1, bytes: 13, metadata: {} })
    await checkpointsPass(deps, signal)
    expect(await rows()).toEqual([])
    expect(await restore()).toBeNull()
  })

  test('sealed while the bucket is read: nothing of it commits (I3)', async () => {
    await begin()
    await put(randomUUID(), 10, 1)
    await lose()
    const sealing: CheckpointDeps['verify'] = async (...given) => {
      await rig.db.updateTable('allocations').set({ state: 'SEALED' }).where('id', '=', alloc).execute()
      return verifyCheckpoint(...given)
    }
    await adoptionPass({ ...deps, verify: sealing }, signal)
    expect(await rows()).toEqual([])
    expect((await allocation()).adopted).toBe(false)
  })

  test('a bucket that gives no answer is asked again, and people are told why it waits', async () => {
    await begin()
    const uuid = randomUUID()
    await put(uuid, 10, 1)
    await lose()
    const down = (): never => { throw new BucketError('transient', 'no route to the bucket') }
    const mute = { ...bucket, url: bucket.url, list: down } as Bucket
    await expect(adoptionPass({ ...deps, buckets: { of: () => mute, close: () => undefined } }, signal)).rejects.toThrow('no route')
    const half: Bucket = { ...bucket, url: bucket.url, head: () => Promise.reject(new BucketError('throttled', 'slow down')) }
    await expect(adoptionPass({ ...deps, buckets: { of: () => half, close: () => undefined } }, signal)).rejects.toThrow('slow down')
    const pointless: Bucket = { ...bucket, url: bucket.url, putBytes: () => Promise.reject(new BucketError('transient', 'reset')) }
    expect(await allocation()).toMatchObject({ state: 'DRAINING', adopted: false, wait_reason: 'waits until its bucket can be looked through for checkpoints of its lost agent: no route to the bucket' })
    await expect(adoptionPass({ ...deps, buckets: { of: () => pointless, close: () => undefined } }, signal)).rejects.toThrow('reset')
    expect(await rows()).toMatchObject([{ uuid, state: 'COMPLETED', pointer_written: false }])
    await adoptionPass(deps, signal)
    await checkpointsPass(deps, signal)
    expect(await allocation()).toMatchObject({ adopted: true, wait_reason: '' })
    expect(await rows()).toMatchObject([{ uuid, state: 'COMPLETED', pointer_written: true }])
    expect(await restore()).toMatchObject({ uuid })
  })

  test('an instance is waited for until it is gone, or has been about to be for 30 s', async () => {
    await begin()
    await addInstance(rig, 'a1')
    await lose()
    await adoptionPass(deps, signal)
    expect((await allocation()).adopted).toBe(false)
    await rig.db.updateTable('instances').set({ terminating_at: new Date(Date.now() - 31_000) }).execute()
    await adoptionPass(deps, signal)
    expect((await allocation()).adopted).toBe(true)
    await rig.db.updateTable('allocations').set({ adopted: false }).execute()
    await rig.db.updateTable('instances').set({ state: 'GONE', terminating_at: new Date() }).execute()
    await adoptionPass(deps, signal)
    expect((await allocation()).adopted).toBe(true)
  })

  test('a gang: what a lost rank uploaded counts, the others still report their own', async () => {
    const made = await submitGang(rig, ['a1', 'a2'])
    ;({ alloc, trialId } = made)
    root = `p/${rig.deps.clusterId}/experiments/${made.experimentId}-fashion-mnist/trials/${trialId}`
    const [own, left] = [randomUUID(), randomUUID()]
    const two = (from: number, ...events: NewAgentEvent[]) => takeEvents(rig.events, 'a2', { v: 1, inc: 1, events: numbered(from, events) })
    await take(1, state(alloc, 'RUNNING'), declare(left, 20, 1))
    await two(1, state(alloc, 'RUNNING'), declare(own, 20, 2))
    await put(left, 20, 1)
    await silence(rig, 400, 'a1')
    await lossPass(lossDeps(rig))
    await adoptionPass(deps, signal)
    expect((await allocation()).adopted).toBe(false) // the other still holds its slots
    await lifecyclePass(rig.deps)
    await two(3, exit(alloc, 'stopped'))
    await adoptionPass(deps, signal)
    await lifecyclePass(rig.deps)
    expect(await allocation()).toMatchObject({ state: 'DRAINING', adopted: true })
    await two(4, { kind: 'checkpoint-uploaded', t: at, alloc, uuid: own, ordinal: 2, steps: 20, manifest: await put(own, 20, 2), files: 1, bytes: 13, metadata: {} }, drained(alloc))
    await checkpointsPass(deps, signal)
    await lifecyclePass(rig.deps)
    expect((await allocation()).state).toBe('SEALED')
    expect(await rows()).toMatchObject([{ uuid: left, state: 'COMPLETED' }, { uuid: own, state: 'COMPLETED' }])
  })

  test('a gang: the second loss, after the bucket was looked through, has it looked through again', async () => {
    const made = await submitGang(rig, ['a1', 'a2'])
    ;({ alloc, trialId } = made)
    root = `p/${rig.deps.clusterId}/experiments/${made.experimentId}-fashion-mnist/trials/${trialId}`
    await take(1, state(alloc, 'RUNNING'))
    await takeEvents(rig.events, 'a2', { v: 1, inc: 1, events: numbered(1, [state(alloc, 'RUNNING'), exit(alloc, 'user-error')]) })
    await silence(rig, 400, 'a1')
    await lossPass(lossDeps(rig))
    await adoptionPass(deps, signal)
    expect(await allocation()).toMatchObject({ state: 'DRAINING', drained: false, adopted: true, exit_kind: 'lost' })
    const uuid = randomUUID()
    await put(uuid, 20, 1)
    await silence(rig, 400, 'a2')
    await lossPass(lossDeps(rig))
    expect(await allocation()).toMatchObject({ state: 'DRAINING', drained: true, adopted: false })
    await adoptionPass(deps, signal)
    expect(await rows()).toMatchObject([{ uuid, state: 'COMPLETED' }])
    expect((await allocation()).adopted).toBe(true)
  })

  test('a run that had ended well, but whose last checkpoint went with the host, goes again', async () => {
    await begin()
    await take(1, declare(randomUUID(), 10, 1), exit(alloc, 'completed'))
    await lose()
    await adoptionPass(deps, signal)
    expect(await restore()).toBeNull()
    expect(await rig.db.selectFrom('trials').select(['state', 'restarts']).executeTakeFirst()).toEqual({ state: 'ACTIVE', restarts: 0 })
  })
})
