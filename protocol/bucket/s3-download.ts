import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { BucketError, type TransferOptions } from './door.ts'
import { retried } from './retry.ts'
import type { S3Transfer } from './s3-upload.ts'

const RANGE_BYTES = 8 * 1024 * 1024
const RANGES_AT_ONCE = 4

interface Source {
  key: string
  size: number
  /** all ranges come from the same version of the object */
  etag: string | undefined
  options: TransferOptions
}

/** Ranges of 8 MiB, four at a time, written and hashed in order. */
export async function downloadFile(s3: S3Transfer, key: string, path: string, options: TransferOptions): Promise<{ size: number; sha256: string }> {
  const what = `get ${key} from s3://${s3.bucket}`
  const head = await retried(s3.retry, { what, signal: options.signal, attempts: Infinity, onRetry: options.onRetry }, () =>
    s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal: options.signal }))
  const source = { key, size: head.ContentLength ?? 0, etag: head.ETag, options }
  const file = await open(path, 'w')
  try {
    const whole = createHash('sha256')
    let position = 0
    for await (const bytes of ranges(s3, source)) {
      // the thread pool writes while this thread hashes
      const written = writeFully(file, bytes, position)
      whole.update(bytes)
      await written
      position += bytes.length
      options.onBytes?.(bytes.length)
    }
    return { size: source.size, sha256: whole.digest('hex') }
  } finally {
    await file.close()
  }
}

/** One call for a whole range: `writeFile` comes back to this thread, busy hashing, after each 512 KiB. */
async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

async function* ranges(s3: S3Transfer, source: Source): AsyncGenerator<Buffer> {
  const ended = new AbortController()
  const signal = AbortSignal.any([source.options.signal, ended.signal])
  const waiting: Promise<Buffer>[] = []
  let position = 0
  try {
    while (position < source.size || waiting.length > 0) {
      while (position < source.size && waiting.length < RANGES_AT_ONCE) {
        const range = readRange(s3, source, position, signal)
        range.catch(() => undefined) // awaited below, in order
        waiting.push(range)
        position += RANGE_BYTES
      }
      const next = waiting.shift()
      if (next) yield await next
    }
  } finally {
    ended.abort(new Error('download has ended'))
    await Promise.allSettled(waiting)
  }
}

async function readRange(s3: S3Transfer, source: Source, position: number, signal: AbortSignal): Promise<Buffer> {
  const { key, size } = source
  const length = Math.min(RANGE_BYTES, size - position)
  const what = `get ${key} from s3://${s3.bucket}`
  const leave = await s3.lanes.enter(signal)
  try {
    return await retried(s3.retry, { what, signal, attempts: Infinity, onRetry: source.options.onRetry }, async () => {
      const input = { Bucket: s3.bucket, Key: key, ...(length === size ? {} : { Range: `bytes=${position}-${position + length - 1}` }), ...(source.etag === undefined ? {} : { IfMatch: source.etag }) }
      const reply = await s3.client.send(new GetObjectCommand(input), { abortSignal: signal })
      return readBody(reply.Body as Readable, length, what)
    })
  } finally {
    leave()
  }
}

/** Exactly `length` bytes; fewer is a broken connection, more a store that ignores ranges. */
export async function readBody(body: Readable, length: number, what: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (filled + chunk.length > length) {
      body.destroy()
      throw new BucketError('corrupt', `${what}: more than the ${length} bytes asked for`)
    }
    filled += chunk.copy(bytes, filled)
  }
  if (filled < length) throw new BucketError('transient', `${what}: the connection ended after ${filled} of ${length} bytes`)
  return bytes
}
