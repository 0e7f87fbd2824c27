import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bucket } from '../../protocol/bucket/door.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { adoptionPass } from './adoption-loop.ts'
import type { CheckpointDeps } from './checkpoint-deps.ts'
import { lossPass } from './loss-loop.ts'
import { lossDeps, silence, submit, upload } from './loss-rig.ts'
import { addAgent, openRig, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
if (endpoint === '') process.stderr.write('adoption.aws.test.ts skipped: DROVER_TEST_AWS_ENDPOINT is not set\n')

/** The same over S3: a listing of several pages, objects of the bytes beside the manifests, a bucket that is not there yet. */
describe.skipIf(endpoint === '' || !PG_ADMIN_URL)('seal, then scan, over S3', () => {
  const signal = new AbortController().signal
  const storage: Storage = { type: 's3', bucket: `drover-adoption-${randomUUID()}`, prefix: 'p', endpoint, region: 'us-east-1' }
  let rig: Rig
  let bucket: Bucket
  let deps: CheckpointDeps
  beforeAll(async () => {
    rig = await openRig()
    bucket = openBucket(storage, rig.deps)
    deps = { ...rig.deps, storage, buckets: { of: () => bucket, close: () => undefined }, verify: verifyCheckpoint }
  })
  afterAll(async () => {
    for await (const { key } of bucket.list('', { signal })) await bucket.remove(key, { signal })
    await fetch(`${endpoint}/${storage.bucket}`, { method: 'DELETE' })
    bucket.close()
    await rig.drop()
  })

  test('uploaded and never reported is adopted, torn is left alone; until there is an answer it is asked again', async () => {
    await addAgent(rig, 'a1', 2)
    const { alloc, trialId, experimentId } = await submit(rig)
    const root = `p/${rig.deps.clusterId}/experiments/${experimentId}-fashion-mnist/trials/${trialId}`
    await schedulePass(rig.deps)
    await silence(rig, 400, 'a1')
    await lossPass(lossDeps(rig))
    await expect(adoptionPass(deps, signal)).rejects.toMatchObject({ name: 'BucketError' })
    expect(await rig.db.selectFrom('allocations').select(['adopted', 'wait_reason']).executeTakeFirst()).toEqual({ adopted: false, wait_reason: expect.stringContaining('its bucket') })

    expect((await fetch(`${endpoint}/${storage.bucket}`, { method: 'PUT' })).ok).toBe(true)
    const [whole, torn] = [randomUUID(), randomUUID()]
    await upload(bucket, root, { uuid: whole, alloc, epoch: 1, ordinal: 1, steps: 20 })
    await upload(bucket, root, { uuid: torn, alloc, epoch: 1, ordinal: 2, steps: 40 })
    await bucket.remove(`${root}/checkpoints/e1-2/${torn}/model.bin`, { signal })
    const many = Array.from({ length: 1_001 }, (_, i) => `${root}/checkpoints/e1-1/${whole}/part-${i}`)
    for (let i = 0; i < many.length; i += 50) await Promise.all(many.slice(i, i + 50).map((key) => bucket.putBytes(key, Buffer.from('x'), { signal, create: false })))
    await adoptionPass(deps, signal)
    expect(await rig.db.selectFrom('checkpoints').select(['uuid', 'state', 'steps', 'pointer_written']).execute()).toEqual([{ uuid: whole, state: 'COMPLETED', steps: 20, pointer_written: true }])
    expect((await rig.db.selectFrom('events').select('text').where('kind', '=', 'checkpoint-ignored').execute()).map((row) => row.text)).toEqual([expect.stringContaining(torn)])
    expect((await rig.db.selectFrom('allocations').select('adopted').executeTakeFirstOrThrow()).adopted).toBe(true)
  })
})
