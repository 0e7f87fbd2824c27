import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { realClock } from '../kit/clock.ts'
import { createLog } from '../kit/log.ts'
import { bucketContract, collect } from './contract.ts'
import { openBucket } from './open.ts'

const options = { log: createLog({ name: 'test', level: 'error' }), clock: realClock, random: Math.random }
const made: string[] = []

async function freshDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'drover-directory-'))
  made.push(path)
  return path
}

afterAll(async () => {
  for (const path of made) await rm(path, { recursive: true, force: true })
})

bucketContract('a directory bucket', async () => openBucket({ type: 'directory', path: join(await freshDirectory(), 'made', 'when', 'used') }, options))

test('nothing temporary is left behind, and what a dead writer left is not listed', async () => {
  const path = await freshDirectory()
  const bucket = openBucket({ type: 'directory', path }, options)
  const signal = new AbortController().signal
  await bucket.putBytes('a', Buffer.from('1'), { signal, create: true })
  await expect(bucket.putBytes('a', Buffer.from('2'), { signal, create: true })).rejects.toMatchObject({ kind: 'exists' })
  expect(await readdir(path)).toEqual(['a'])
  await writeFile(join(path, '.drover-tmp-1-dead'), 'half')
  expect(await collect(bucket.list('', { signal }))).toEqual([{ key: 'a', size: 1 }])
})

test('an object that is the prefix of another is refused by name', async () => {
  const bucket = openBucket({ type: 'directory', path: await freshDirectory() }, options)
  const signal = new AbortController().signal
  await bucket.putBytes('a', Buffer.from('1'), { signal, create: true })
  await expect(bucket.putBytes('a/b', Buffer.from('2'), { signal, create: true })).rejects.toMatchObject({ name: 'BucketError' })
})

test('a full disk is `full`, and a file waits until there is room', async ({ skip }) => {
  const path = await freshDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path])
  } catch {
    return skip('needs the right to mount a tmpfs')
  }
  try {
    const bucket = openBucket({ type: 'directory', path }, options)
    const signal = new AbortController().signal
    await bucket.putBytes('ballast', Buffer.alloc(900_000), { signal, create: true })
    await expect(bucket.putBytes('b', Buffer.alloc(500_000), { signal, create: true })).rejects.toMatchObject({ kind: 'full' })
    const local = join(await freshDirectory(), 'file')
    await writeFile(local, Buffer.alloc(500_000))
    const kinds: string[] = []
    await bucket.putFile('c', local, {
      signal,
      onRetry: (error) => {
        kinds.push(error.kind)
        void bucket.remove('ballast', { signal })
      },
    })
    expect(kinds[0]).toBe('full')
    expect((await bucket.head('c', { signal })).size).toBe(500_000)
  } finally {
    execFileSync('umount', [path])
  }
})
