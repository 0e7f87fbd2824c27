import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { BucketError, type Bucket, type BucketErrorKind, type ObjectInfo } from './door.ts'

/**
 * A bucket in a directory of one host. An object is written beside its place, synced and renamed (or linked, where it
 * must be new), so a reader sees it whole or not at all.
 */
const DRAFT = '.drover-draft-'

export function openDirectory(root: string): Bucket {
  const base = resolve(root)
  const place = (key: string): string => safePlace(base, key)
  return {
    url: `file://${base}`,
    putFile: (key, path, options) => putFile(place(key), path, options),
    putBytes: (key, body, options) => putBytes(place(key), body, options.create),
    getBytes: (key, options) => getBytes(place(key), options.maxBytes),
    getFile: (key, path, options) => copyHashed(place(key), path, options.signal, options.onBytes),
    getStream: (key) => named(async () => (await open(place(key), 'r')).createReadStream() as Readable),
    head: (key) => named(async () => ({ key, size: await fileSize(place(key)), sha256: null })),
    list: (prefix) => list(base, prefix),
    remove: (key) => named(() => rm(place(key), { force: true })),
    close: () => undefined,
  }
}

async function putFile(target: string, path: string, options: { signal: AbortSignal; onBytes?: (sent: number) => void }): Promise<{ size: number; sha256: string }> {
  const draft = await draftOf(target)
  const copied = await copyHashed(path, draft, options.signal, options.onBytes)
  await named(() => rename(draft, target))
  return copied
}

async function putBytes(target: string, body: Uint8Array, create: boolean): Promise<void> {
  const draft = await draftOf(target)
  await named(async () => {
    const file = await open(draft, 'w', 0o644)
    try {
      await file.writeFile(body)
      await file.sync()
    } finally {
      await file.close()
    }
    try {
      if (create) await link(draft, target)
      else await rename(draft, target)
    } finally {
      if (create) await unlink(draft)
    }
  })
}

async function getBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  return named(async () => {
    const size = await fileSize(path)
    if (size > maxBytes) throw new BucketError('corrupt', `${path} has ${size} bytes, at most ${maxBytes} are expected`)
    const file = await open(path, 'r')
    try {
      return await file.readFile()
    } finally {
      await file.close()
    }
  })
}

async function copyHashed(from: string, to: string, signal: AbortSignal, onBytes?: (bytes: number) => void): Promise<{ size: number; sha256: string }> {
  return named(async () => {
    const hash = createHash('sha256')
    let size = 0
    const file = await open(to, 'w', 0o644)
    try {
      for await (const chunk of createReadStream(from, { highWaterMark: 1 << 20, signal }) as AsyncIterable<Buffer>) {
        hash.update(chunk)
        size += chunk.length
        await file.write(chunk)
        onBytes?.(size)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { size, sha256: hash.digest('hex') }
  })
}

async function* list(base: string, prefix: string): AsyncIterable<ObjectInfo> {
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const keys: string[] = []
  await walk(base, folder, keys)
  for (const key of keys.filter((k) => k.startsWith(prefix)).toSorted()) yield { key, size: await fileSize(join(base, key)) }
}

async function walk(base: string, folder: string, keys: string[]): Promise<void> {
  const entries = await readdir(join(base, folder), { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  for (const entry of entries) {
    if (entry.isDirectory()) await walk(base, `${folder}${entry.name}/`, keys)
    else if (entry.isFile() && !entry.name.startsWith(DRAFT)) keys.push(`${folder}${entry.name}`)
  }
}

async function draftOf(target: string): Promise<string> {
  await named(() => mkdir(dirname(target), { recursive: true }))
  return join(dirname(target), `${DRAFT}${randomUUID()}`)
}

function safePlace(base: string, key: string): string {
  const path = resolve(base, key)
  if (key === '' || key.startsWith('/') || key.includes('\0') || !path.startsWith(base + sep) || path !== join(base, key)) {
    throw new BucketError('denied', `object key ${JSON.stringify(key.slice(0, 200))} leaves the bucket`)
  }
  return path
}

async function fileSize(path: string): Promise<number> {
  const facts = await named(() => stat(path))
  if (!facts.isFile()) throw new BucketError('missing', `${path} is no object`)
  return facts.size
}

const KINDS: Readonly<Record<string, BucketErrorKind>> = { ENOENT: 'missing', ENOTDIR: 'missing', EEXIST: 'exists', EACCES: 'denied', EPERM: 'denied', EROFS: 'denied', ENOSPC: 'full', EDQUOT: 'full' }

async function named<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof BucketError || (error instanceof Error && error.name === 'AbortError')) throw error
    throw new BucketError(KINDS[codeOf(error)] ?? 'transient', error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
