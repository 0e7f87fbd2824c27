import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inParallel } from './lanes.ts'
import type { Bucket } from './door.ts'

const MiB = 1024 * 1024
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** All a listing gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** What every bucket must do; run by the test of each. `open` gives an empty bucket. */
export function bucketContract(name: string, open: () => Promise<Bucket>): void {
  describe(`${name} keeps the bucket contract`, () => {
    const signal = new AbortController().signal
    let bucket: Bucket
    let local: string
    beforeAll(async () => {
      bucket = await open()
      local = await mkdtemp(join(tmpdir(), 'drover-bucket-'))
    })
    afterAll(async () => {
      bucket.close()
      await rm(local, { recursive: true })
    })

    test('bytes come back as they went, and are replaced whole', async () => {
      for (const body of [Buffer.from('one'), Buffer.alloc(0), randomBytes(70_000)]) {
        await bucket.putBytes('bytes/a', body, { signal, create: false })
        expect(Buffer.from(await bucket.getBytes('bytes/a', { signal, maxBytes: 100_000 })).equals(body)).toBe(true)
        expect((await bucket.head('bytes/a', { signal })).size).toBe(body.length)
        expect((await buffer(await bucket.getStream('bytes/a', { signal }))).equals(body)).toBe(true)
      }
    })

    test('create refuses a taken key and leaves what is there', async () => {
      await bucket.putBytes('create/a', Buffer.from('first'), { signal, create: true })
      await expect(bucket.putBytes('create/a', Buffer.from('second'), { signal, create: true })).rejects.toMatchObject({ name: 'BucketError', kind: 'exists' })
      expect(Buffer.from(await bucket.getBytes('create/a', { signal, maxBytes: 100 })).toString()).toBe('first')
    })

    test('of many creates at once exactly one wins', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => bucket.putBytes('create/race', Buffer.from(`writer ${i}`), { signal, create: true })))
      expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1)
      const winner = outcomes.findIndex((o) => o.status === 'fulfilled')
      expect(Buffer.from(await bucket.getBytes('create/race', { signal, maxBytes: 100 })).toString()).toBe(`writer ${winner}`)
    })

    test('a missing object is `missing`, removing it is nothing', async () => {
      const missing = { name: 'BucketError', kind: 'missing' }
      await expect(bucket.getBytes('no/such', { signal, maxBytes: 10 })).rejects.toMatchObject(missing)
      await expect(bucket.head('no/such', { signal })).rejects.toMatchObject(missing)
      await expect(bucket.getFile('no/such', join(local, 'none'), { signal })).rejects.toMatchObject(missing)
      await expect(bucket.getStream('no/such', { signal })).rejects.toMatchObject(missing)
      await bucket.remove('no/such', { signal })
    })

    test('removed is gone', async () => {
      await bucket.putBytes('gone/a', Buffer.from('x'), { signal, create: true })
      await bucket.remove('gone/a', { signal })
      await expect(bucket.head('gone/a', { signal })).rejects.toMatchObject({ kind: 'missing' })
      await bucket.putBytes('gone/a', Buffer.from('y'), { signal, create: true })
    })

    test('an object larger than allowed is not read', async () => {
      await bucket.putBytes('large/a', Buffer.alloc(1000), { signal, create: false })
      await expect(bucket.getBytes('large/a', { signal, maxBytes: 999 })).rejects.toMatchObject({ kind: 'corrupt' })
      expect((await bucket.getBytes('large/a', { signal, maxBytes: 1000 })).length).toBe(1000)
    })

    test.each([0, 1, 100_000, 16 * MiB, 16 * MiB + 1, 41 * MiB + 12_345])('a file of %i bytes goes and comes back with its SHA-256', { timeout: 60_000 }, async (size) => {
      const path = join(local, `up-${size}`)
      const body = randomBytes(size)
      await writeFile(path, body)
      let sent = 0
      const put = await bucket.putFile(`files/${size}`, path, { signal, onBytes: (bytes) => (sent += bytes) })
      expect(put).toEqual({ size, sha256: sha256(body) })
      expect(sent).toBe(size)
      const head = await bucket.head(`files/${size}`, { signal })
      expect(head.size).toBe(size)
      expect([null, put.sha256]).toContain(head.sha256)
      const got = await bucket.getFile(`files/${size}`, join(local, 'down'), { signal })
      expect(got).toEqual(put)
      expect((await readFile(join(local, 'down'))).equals(body)).toBe(true)
    })

    test('getFile leaves nothing of what was in the file before', async () => {
      await bucket.putBytes('short/a', Buffer.from('short'), { signal, create: false })
      await writeFile(join(local, 'long'), 'x'.repeat(1000))
      await bucket.getFile('short/a', join(local, 'long'), { signal })
      expect((await stat(join(local, 'long'))).size).toBe(5)
    })

    test('a local file that is not there is the file system\'s own error, not the bucket\'s', async () => {
      await expect(bucket.putFile('files/none', join(local, 'not-there'), { signal })).rejects.toMatchObject({ code: 'ENOENT' })
      await expect(bucket.head('files/none', { signal })).rejects.toMatchObject({ kind: 'missing' })
    })

    test('an aborted upload stops with the reason and leaves no object', async () => {
      const path = join(local, 'aborted')
      await writeFile(path, randomBytes(40 * MiB))
      const stop = new AbortController()
      const reason = new Error('enough')
      const put = bucket.putFile('aborted/a', path, { signal: stop.signal, onBytes: () => stop.abort(reason) })
      await expect(put).rejects.toBe(reason)
      await expect(bucket.head('aborted/a', { signal })).rejects.toMatchObject({ kind: 'missing' })
    })

    test.each(['a b/c d', 'plus+percent%41/q?x=1&y#z', 'ünï-日本語-🐂', '.hidden/..dots', "quote'\"<>&", 'tilde~!$()*,;:@=', 'ends. ', 'back\\slash', '\u{1f600}'])('the key %j is taken as it is', async (key) => {
      const body = Buffer.from(key)
      await bucket.putBytes(`weird/${key}`, body, { signal, create: true })
      expect(Buffer.from(await bucket.getBytes(`weird/${key}`, { signal, maxBytes: 1000 })).equals(body)).toBe(true)
      const listed = await collect(bucket.list('weird/', { signal }))
      expect(listed.map((object) => object.key)).toContain(`weird/${key}`)
    })

    test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../../b', 'a/./b', 'nul\0', `${'x'.repeat(256)}`, `${'abc/'.repeat(256)}d`, 'a/.drover-tmp-1', '\ud800'])('the key %j is refused', async (key) => {
      await expect(bucket.putBytes(key, Buffer.from('x'), { signal, create: false })).rejects.toMatchObject({ name: 'BucketError', kind: 'denied' })
      await expect(bucket.getBytes(key, { signal, maxBytes: 10 })).rejects.toMatchObject({ kind: 'denied' })
      await expect(bucket.remove(key, { signal })).rejects.toMatchObject({ kind: 'denied' })
    })

    test('list gives every object below the prefix once, in the order of its bytes', { timeout: 60_000 }, async () => {
      const keys = Array.from({ length: 1050 }, (_, i) => `list/${i % 3 === 0 ? 'a-b' : i % 3 === 1 ? 'a/b' : 'a'}${i % 3 === 2 ? '.' : '/'}${i}`)
      await inParallel(keys, 16, signal, (key) => bucket.putBytes(key, Buffer.from(key), { signal, create: false }))
      const listed = await collect(bucket.list('list/', { signal }))
      expect(listed).toEqual(keys.toSorted().map((key) => ({ key, size: key.length })))
      expect(await collect(bucket.list('list/a-', { signal }))).toHaveLength(350)
      expect(await collect(bucket.list('nowhere/', { signal }))).toEqual([])
    })
  })
}
