import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../intake/take-events.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { insertModel } from '../store/queries/models.ts'
import { deleteVersion, findVersion, insertVersion } from '../store/queries/model-versions.ts'
import { pointerKey } from '../../protocol/bucket/layout.ts'
import { setCheckpointMetadata } from '../store/queries/checkpoint-metadata.ts'
import { checkpointsPass } from './checkpoints-loop.ts'
import { deletionPass } from './deletion-loop.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { addAgent, drained, exit, experimentConfig, newExperiment, numbered, openRig, state, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('an ended experiment', () => {
  const signal = new AbortController().signal
  let rig: Rig
  let directory = ''
  let bucket: Bucket
  let seq = 0
  let id = 0
  let trialId = 0
  beforeAll(async () => {
    rig = await openRig()
    directory = await mkdtemp(join(tmpdir(), 'drover-change-'))
    bucket = openBucket({ type: 'directory', path: directory }, rig.deps)
  })
  afterAll(async () => {
    await rig.drop()
    await rm(directory, { recursive: true })
  })
  beforeEach(async () => {
    for (const table of ['models', 'experiments', 'agents', 'cursors'] as const) await rig.db.deleteFrom(table).execute()
    seq = 0
    await addAgent(rig, 'a1', 2)
    const made = await rig.commands.createExperiment(newExperiment(rig))
    id = made.experimentId
    trialId = made.trialId
    await run(1, 'completed')
  })

  const report = async (...events: NewAgentEvent[]): Promise<void> => {
    seq += events.length
    await takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(seq - events.length + 1, events) })
  }
  async function run(epoch: number, kind: 'completed' | 'user-error'): Promise<void> {
    await schedulePass(rig.deps)
    const alloc = `trial-${trialId}.${epoch}`
    await report(state(alloc, 'RUNNING'), exit(alloc, kind, 'over'), drained(alloc))
    await lifecyclePass(rig.deps)
  }
  const stateOf = async (): Promise<string | undefined> => (await rig.db.selectFrom('experiments').select('state').where('id', '=', id).executeTakeFirst())?.state
  const next = (over = {}) => ({ config: experimentConfig(over), pool: 'default' })

  test('goes on: the same trial under a higher epoch, with what was changed, as often as it is asked', async () => {
    expect(await rig.commands.continueExperiment(id, next({ name: 'anew', hyperparameters: { lr: { type: 'const', val: 0.5 } } }), 'ann')).toEqual({ kind: 'done' })
    expect(await stateOf()).toBe('ACTIVE')
    await lifecyclePass(rig.deps)
    expect(await rig.db.selectFrom('trials').select(['id', 'state', 'ended_at', 'hparams']).where('experiment_id', '=', id).execute()).toEqual([{ id: trialId, state: 'ACTIVE', ended_at: null, hparams: { lr: 0.5 } }])
    expect(await rig.db.selectFrom('allocations').select(['id', 'state']).where('state', '<>', 'SEALED').execute()).toEqual([{ id: `trial-${trialId}.2`, state: 'PENDING' }])
    expect(await rig.commands.continueExperiment(id, next(), 'ann')).toMatchObject({ kind: 'conflict', message: expect.stringContaining('only one that has ended') })
    await run(2, 'completed')
    expect(await stateOf()).toBe('COMPLETED')
    expect(await rig.commands.continueExperiment(id, next(), 'ann')).toEqual({ kind: 'done' })
  })

  test('goes not on while it is archived, and is not there where it is not', async () => {
    await rig.commands.setArchived(id, true, 'ann')
    expect(await rig.commands.continueExperiment(id, next(), 'ann')).toMatchObject({ kind: 'conflict', message: expect.stringContaining('unarchive') })
    expect(await rig.commands.continueExperiment(id + 1_000, next(), 'ann')).toEqual({ kind: 'not-found' })
  })

  test('is deleted: marked, then its files and no other\'s, then its rows; a bucket that fails is asked again and says so', async () => {
    const root = `p/${rig.deps.clusterId}/experiments/${id}-fashion-mnist/trials/${trialId}/checkpoints/e1-1/x`
    const other = `p/${rig.deps.clusterId}/experiments/${id}0-fashion-mnist/trials/1/file`
    for (const key of [`${root}/a`, `${root}/b`, other]) await bucket.putBytes(key, Buffer.from('bytes'), { signal, create: true })
    let works = false
    const door: Bucket = { ...bucket, list: bucket.list.bind(bucket), remove: (key, options) => (works ? bucket.remove(key, options) : Promise.reject(new BucketError('denied', 'no right to delete'))) }
    const deps = { ...rig.deps, buckets: { of: () => door, close: () => undefined } }
    expect(await rig.commands.deleteExperiment(id, 'ann')).toEqual({ kind: 'done' })
    expect(await rig.commands.deleteExperiment(id, 'ann')).toEqual({ kind: 'done' })
    await expect(deletionPass(deps)).rejects.toThrow('no right to delete')
    expect(await rig.db.selectFrom('experiments').select(['state', 'state_reason']).where('id', '=', id).executeTakeFirst()).toEqual({ state: 'DELETING', state_reason: 'its files could not be removed yet: no right to delete' })
    works = true
    await deletionPass(deps)
    expect(await stateOf()).toBeUndefined()
    const left: string[] = []
    for await (const object of bucket.list(`p/${rig.deps.clusterId}/`, { signal })) left.push(object.key)
    expect(left).toEqual([other])
    for (const table of ['trials', 'tasks', 'allocations', 'log_chunks', 'metrics', 'checkpoints'] as const) expect([table, (await rig.db.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('n')).executeTakeFirst())?.n]).toEqual([table, 0])
    await deletionPass(deps)
  })

  test('what a person says of its checkpoint comes into the pointer too', async () => {
    const uuid = randomUUID()
    await rig.db.insertInto('checkpoints').values({ uuid, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: id, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: 1, steps: 7, state: 'COMPLETED', prefix: 'x', manifest_digest: 'd', pointer_written: true }).execute()
    const deps = { ...rig.deps, buckets: { of: () => bucket, close: () => undefined }, verify: () => Promise.reject(new Error('nothing is to be verified')) }
    for (const colour of ['red', 'blue']) {
      expect(await setCheckpointMetadata(rig.db, uuid, { colour })).toBe(true)
      await checkpointsPass(deps, signal)
      const pointer = await bucket.getBytes(pointerKey(`p/${rig.deps.clusterId}/experiments/${id}-fashion-mnist/trials/${trialId}`, 7, uuid), { signal, maxBytes: 10_000 })
      expect(JSON.parse(Buffer.from(pointer).toString('utf8'))).toMatchObject({ uuid, metadata: { colour } })
    }
    expect(await setCheckpointMetadata(rig.db, randomUUID(), {})).toBe(false)
  })

  test('one that runs, and one with a registered checkpoint, are not deleted', async () => {
    const uuid = randomUUID()
    await rig.db.insertInto('checkpoints').values({ uuid, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: id, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: 1, steps: 1, state: 'COMPLETED', prefix: 'x', manifest_digest: null }).execute()
    const model = await insertModel(rig.db, { name: 'net', workspaceId: 1, ownerId: rig.ownerId }) ?? 0
    expect(await insertVersion(rig.db, { modelId: model, checkpoint: uuid, ownerId: rig.ownerId })).toBe(1)
    expect(await rig.commands.deleteExperiment(id, 'ann')).toMatchObject({ kind: 'conflict', message: expect.stringContaining('version 1 of model net') })
    await deleteVersion(rig.db, (await findVersion(rig.db, model, 1))?.id ?? 0)
    // a number that was given is never given again
    expect(await insertVersion(rig.db, { modelId: model, checkpoint: uuid, ownerId: rig.ownerId })).toBe(2)
    await rig.db.deleteFrom('model_versions').execute()
    await rig.commands.continueExperiment(id, next(), 'ann')
    expect(await rig.commands.deleteExperiment(id, 'ann')).toMatchObject({ kind: 'conflict', message: expect.stringContaining('kill it first') })
  })
})
