import { createHash } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { backoffMs } from '../kit/backoff.ts'
import type { BucketOptions } from './options.ts'
import { codeOf, directoryError } from './directory-errors.ts'
import { listBelow } from './directory-list.ts'
import { writeWhole } from './directory-write.ts'
import { BucketError, type Bucket, type TransferOptions } from './door.ts'
import { checkKey } from './key.ts'
import { storageUrl } from './url.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * A bucket in a directory of one host: the local demo's, and a double for tests. Objects are files below `root`, so
 * unlike in S3 a key cannot be an object and the prefix of another (kind `denied`).
 */
export function openDirectoryBucket(root: string, options: BucketOptions): Bucket {
  const place = (key: string): string => join(root, checkKey(key))
  const url = storageUrl({ type: 'directory', path: root })
  return {
    url,
    putFile: (key, path, transfer) => putFile(options, { path: place(key), what: `put ${key} in ${url}` }, path, transfer),
    async putBytes(key, body, { signal, create }) {
      signal.throwIfAborted()
      await writeWhole(place(key), { create, what: `put ${key} in ${url}` }, (file) => inBucket(file.writeFile(body), `put ${key} in ${url}`))
    },
    getFile: async (key, path, transfer) => {
      const source = await openObject(place(key), `get ${key} in ${url}`)
      try {
        const target = await open(path, 'w')
        try {
          return await copy(source, target, transfer, { what: `get ${key} in ${url}`, bucketSide: 'source' })
        } finally {
          await target.close()
        }
      } finally {
        await source.close()
      }
    },
    async getBytes(key, { signal, maxBytes }) {
      signal.throwIfAborted()
      const what = `get ${key} in ${url}`
      const file = await openObject(place(key), what)
      try {
        const { size } = await file.stat()
        if (size > maxBytes) throw new BucketError('corrupt', `${what}: ${size} bytes, more than the ${maxBytes} allowed`)
        return await inBucket(file.readFile(), what)
      } finally {
        await file.close()
      }
    },
    async getStream(key, { signal }) {
      return (await openObject(place(key), `get ${key} in ${url}`)).createReadStream({ signal })
    },
    async head(key, { signal }) {
      signal.throwIfAborted()
      const file = await openObject(place(key), `look at ${key} in ${url}`)
      try {
        return { key, size: (await file.stat()).size, sha256: null }
      } finally {
        await file.close()
      }
    },
    list: (prefix, { signal }) => listBelow(root, prefix, signal),
    async remove(key, { signal }) {
      signal.throwIfAborted()
      try {
        await unlink(place(key))
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw directoryError(error, `remove ${key} in ${url}`)
      }
    },
    close: () => undefined,
  }
}

async function putFile(options: BucketOptions, target: { path: string; what: string }, path: string, transfer: TransferOptions): Promise<{ size: number; sha256: string }> {
  const source = await open(path, 'r')
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await writeWhole(target.path, { create: false, what: target.what }, (file) => copy(source, file, transfer, { what: target.what, bucketSide: 'target' }))
      } catch (error) {
        transfer.signal.throwIfAborted()
        if (!(error instanceof BucketError) || (error.kind !== 'transient' && error.kind !== 'full')) throw error
        transfer.onRetry?.(error)
        await options.clock.sleep(backoffMs(attempt, options.random, { baseMs: 100, capMs: 10_000, floorMs: 50 }), transfer.signal)
      }
    }
  } finally {
    await source.close()
  }
}

/** Only errors of the bucket's side are named; those of the local file stay as they are. */
async function copy(source: FileHandle, target: FileHandle, transfer: TransferOptions, names: { what: string; bucketSide: 'source' | 'target' }): Promise<{ size: number; sha256: string }> {
  const whole = createHash('sha256')
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let size = 0
  for (;;) {
    transfer.signal.throwIfAborted()
    const reading = source.read(buffer, 0, CHUNK_BYTES, size)
    const { bytesRead } = await (names.bucketSide === 'source' ? inBucket(reading, names.what) : reading)
    if (bytesRead === 0) return { size, sha256: whole.digest('hex') }
    const bytes = buffer.subarray(0, bytesRead)
    whole.update(bytes)
    const writing = target.writeFile(bytes)
    await (names.bucketSide === 'target' ? inBucket(writing, names.what) : writing)
    size += bytesRead
    transfer.onBytes?.(bytesRead)
  }
}

async function openObject(path: string, what: string): Promise<FileHandle> {
  const file = await inBucket(open(path, 'r'), what)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new BucketError('missing', `${what}: no such object`)
}

async function inBucket<T>(work: Promise<T>, what: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw directoryError(error, what)
  }
}
