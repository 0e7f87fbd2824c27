import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { checkpointPrefix } from '../../protocol/bucket/layout.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { openJournal } from '../journal/sqlite.ts'
import { restoreCheckpoint } from './restore-checkpoint.ts'
import { streamCheckpoints } from './stream-checkpoints.ts'
import { freshPaths, specOf } from './test-spec.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
if (endpoint === '') console.warn('stream-checkpoints.aws.test.ts skipped: DROVER_TEST_AWS_ENDPOINT is not set')

test.skipIf(endpoint === '')('on S3, through faults and kills, a checkpoint with a multipart file arrives whole and is restored byte for byte', { timeout: 60_000 }, async () => {
  const name = `drover-test-${randomUUID()}`
  expect((await fetch(`${endpoint}/${name}`, { method: 'PUT', headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0' } })).status).toBe(200)
  const storage = { type: 's3' as const, bucket: name, prefix: '', endpoint, region: 'us-east-1' }
  const log = { ...createLog({ name: 'test', level: 'error' }), warn: () => undefined }
  const kit = { clock: realClock, random: () => 0.01, log }
  const bucket = openBucket(storage, kit)
  const paths = await freshPaths()
  const journal = openJournal(join(paths.root, 'journal'), (error) => { throw error })
  const spec = specOf({ storage })
  const large = randomBytes(20 * 1024 * 1024)
  await mkdir(join(paths.checkpoints, 'draft', 'sub'), { recursive: true })
  await writeFile(join(paths.checkpoints, 'draft', 'large.bin'), large)
  for (let i = 0; i < 20; i += 1) await writeFile(join(paths.checkpoints, 'draft', 'sub', `small ${i}`), `small ${i}`)
  await rename(join(paths.checkpoints, 'draft'), join(paths.checkpoints, 'step-40'))

  let calls = 0
  const fault = <A extends unknown[], R>(real: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) => async (...args) => {
    calls += 1
    if (calls % 3 === 0) throw new BucketError('transient', 'injected before')
    const done = await real(...args)
    if (calls % 5 === 0) throw new BucketError('transient', 'injected after')
    return done
  }
  const faulty: Bucket = { ...bucket, putFile: fault(bucket.putFile), putBytes: fault(bucket.putBytes), getBytes: fault(bucket.getBytes) }
  for (let life = 0; life < 6; life += 1) {
    const stop = new AbortController()
    const dying = streamCheckpoints({ ...kit, journal, bucket: faulty, spec, paths, signal: stop.signal })
    await Promise.race([dying.ended, new Promise((resolve) => setTimeout(resolve, 40 * life))])
    stop.abort(new Error('killed'))
    await dying.ended
  }
  const stop = new AbortController()
  const last = streamCheckpoints({ ...kit, journal, bucket: faulty, spec, paths, signal: stop.signal })
  await last.finish()
  stop.abort()
  await last.ended

  const uploads = journal.outbox.after(0, 100).filter((event) => event.kind === 'checkpoint-uploaded')
  expect(uploads).toMatchObject([{ steps: 40, files: 21 }])
  const uploaded = uploads[0]
  if (!uploaded) throw new Error('nothing was uploaded')
  const prefix = checkpointPrefix(spec.root, 2, uploaded.ordinal, uploaded.uuid)
  const signal = AbortSignal.timeout(30_000)
  expect(await verifyCheckpoint(bucket, prefix, uploaded.manifest, signal)).toMatchObject({ ok: true, bytes: uploaded.bytes })
  const restored = await restoreCheckpoint({ ...kit, bucket, journal, paths, signal, spec: specOf({ storage, restore: { uuid: uploaded.uuid, prefix, steps: 40, ordinal: 1, manifest: uploaded.manifest } }) })
  expect(restored).toEqual({ ok: true, bytes: uploaded.bytes })
  expect((await readFile(join(paths.restored, 'large.bin'))).equals(large)).toBe(true)
  expect(await readFile(join(paths.restored, 'sub', 'small 7'), 'utf8')).toBe('small 7')
  bucket.close()
  journal.close()
  await rm(paths.root, { recursive: true })
})
