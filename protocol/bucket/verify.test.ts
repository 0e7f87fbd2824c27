import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock } from '../kit/clock.ts'
import { createLog } from '../kit/log.ts'
import { BucketError, type Bucket } from './door.ts'
import type { Manifest } from './manifest.ts'
import { openBucket } from './open.ts'
import { verifyCheckpoint } from './verify.ts'

const signal = new AbortController().signal
let path: string
let bucket: Bucket
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'drover-verify-'))
  bucket = openBucket({ type: 'directory', path }, { log: createLog({ name: 'test', level: 'error' }), clock: realClock, random: Math.random })
})
afterEach(() => rm(path, { recursive: true }))

const sha = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')
const good = (): Manifest => ({
  format: 'drover-manifest/1', uuid: randomUUID(), alloc: 'trial-1.1', epoch: 1, ordinal: 1, steps: 10, parent: null, createdAt: '2026-01-01T00:00:00.000Z', metadata: {},
  files: [{ name: 'a.txt', size: 3, sha256: sha('abc'), mode: 0o644 }, { name: 'sub/b.txt', size: 2, sha256: sha('de'), mode: 0o644 }],
})

async function put(manifest: unknown, files: Record<string, string> = { 'a.txt': 'abc', 'sub/b.txt': 'de' }): Promise<string> {
  for (const [name, text] of Object.entries(files)) await bucket.putBytes(`p/${name}`, Buffer.from(text), { signal, create: false })
  const bytes = Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
  await bucket.putBytes('p/manifest.json', bytes, { signal, create: false })
  return sha(bytes)
}

test('a whole checkpoint verifies and tells its files', async () => {
  const manifest = good()
  expect(await verifyCheckpoint(bucket, 'p', await put(manifest), signal)).toEqual({ ok: true, manifest, resources: { 'a.txt': 3, 'sub/b.txt': 2 }, bytes: 5 })
})

test('no manifest, no checkpoint', async () => {
  expect(await verifyCheckpoint(bucket, 'p', sha(''), signal)).toMatchObject({ ok: false, transient: false })
})

test('another manifest than the one reported is refused', async () => {
  await put(good())
  expect(await verifyCheckpoint(bucket, 'p', sha('other'), signal)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('expected') })
})

test('a missing file and a file of another size are named', async () => {
  const digest = await put(good(), { 'a.txt': 'abc' })
  expect(await verifyCheckpoint(bucket, 'p', digest, signal)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('sub/b.txt') })
  await bucket.putBytes('p/sub/b.txt', Buffer.from('longer'), { signal, create: false })
  expect(await verifyCheckpoint(bucket, 'p', digest, signal)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('6 bytes, its manifest says 2') })
})

test.each(['../../etc/passwd', '/etc/passwd', 'a//b', './a', 'manifest.json', 'a/../b', ''])('a manifest that names %j is refused', async (name) => {
  const digest = await put({ ...good(), files: [{ name, size: 1, sha256: sha('x'), mode: 0o644 }] })
  expect(await verifyCheckpoint(bucket, 'p', digest, signal)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('names a file') })
})

test('a name given twice, text that is no JSON and a missing field are refused', async () => {
  const twice = good()
  expect(await verifyCheckpoint(bucket, 'p', await put({ ...twice, files: [...twice.files, ...twice.files] }), signal)).toMatchObject({ ok: false, error: expect.stringContaining('twice') })
  expect(await verifyCheckpoint(bucket, 'p', await put('{'), signal)).toMatchObject({ ok: false, error: expect.stringContaining('not JSON') })
  expect(await verifyCheckpoint(bucket, 'p', await put({ ...good(), steps: undefined }), signal)).toMatchObject({ ok: false, error: expect.stringContaining('steps') })
})

test('a store that does not answer is transient, a wrong checksum is not', async () => {
  const digest = await put(good())
  const mute: Bucket = { ...bucket, head: () => Promise.reject(new BucketError('transient', 'reset')) }
  expect(await verifyCheckpoint(mute, 'p', digest, signal)).toEqual({ ok: false, transient: true, error: 'reset' })
  const knowing: Bucket = { ...bucket, head: async (key, options) => ({ ...(await bucket.head(key, options)), sha256: sha('abc') }) }
  expect(await verifyCheckpoint(knowing, 'p', digest, signal)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('SHA-256') })
})
