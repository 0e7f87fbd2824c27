import { createHash } from 'node:crypto'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand,
  HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand, type CompletedPart,
} from '@aws-sdk/client-s3'
import type { Storage } from '../wire/spec.ts'
import type { Bucket, ObjectHead, ObjectInfo } from './door.ts'
import { retry, type RetryOptions } from './retry.ts'
import { namedS3Error } from './s3-errors.ts'

type S3Storage = Extract<Storage, { type: 's3' }>
type Send = <T>(key: string, signal: AbortSignal, request: () => Promise<T>) => Promise<T>
interface Target { client: S3Client; bucket: string; send: Send }

const SINGLE_MAX = 16 * 1024 * 1024
const PART_MIN = 8 * 1024 * 1024
const PARTS_MAX = 9_000
const PARALLEL_PARTS = 4

/** A bucket in S3 or a store that speaks it. Agents are instances and kept, so that no part opens a fresh connection. */
export function openS3(storage: S3Storage, options: RetryOptions): Bucket {
  const client = new S3Client({
    ...(storage.endpoint ? { endpoint: storage.endpoint, forcePathStyle: true } : {}),
    ...(storage.region ? { region: storage.region } : {}),
    maxAttempts: 1,
    requestHandler: {
      httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 32 }),
      httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 32 }),
      connectionTimeout: 5_000,
      requestTimeout: 120_000,
    },
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const send: Send = (key, signal, request) =>
    retry(options, signal, () => request().catch((error: unknown) => Promise.reject(namedS3Error(error, key))))
  const target: Target = { client, bucket: storage.bucket, send }
  return {
    url: `s3://${storage.bucket}`,
    putFile: (key, path, o) => putFile(target, key, path, o),
    putBytes: (key, body, o) => putBytes(target, key, body, o),
    getBytes: (key, o) => getBytes(target, key, o),
    getFile: (key, path, o) => getFile(target, key, path, o),
    getStream: (key, o) => getStream(target, key, o.signal),
    head: (key, o) => head(target, key, o.signal),
    list: (prefix, o) => list(target, prefix, o.signal),
    remove: async (key, o) => void (await send(key, o.signal, () => client.send(new DeleteObjectCommand({ Bucket: storage.bucket, Key: key }), { abortSignal: o.signal }))),
    close: () => client.destroy(),
  }
}

async function putFile(target: Target, key: string, path: string, options: { signal: AbortSignal; onBytes?: (sent: number) => void }): Promise<{ size: number; sha256: string }> {
  const { size } = await stat(path)
  if (size > SINGLE_MAX) return putParts(target, key, path, size, options)
  const file = await open(path, 'r')
  try {
    const body = await file.readFile()
    const digest = createHash('sha256').update(body).digest()
    await target.send(key, options.signal, () =>
      target.client.send(new PutObjectCommand({ Bucket: target.bucket, Key: key, Body: body, ContentLength: body.length, ChecksumSHA256: digest.toString('base64') }), { abortSignal: options.signal }),
    )
    options.onBytes?.(body.length)
    return { size: body.length, sha256: digest.toString('hex') }
  } finally {
    await file.close()
  }
}

/** Parts are read in order, so that one pass gives the whole file's checksum, and sent at most four at a time. */
async function putParts(target: Target, key: string, path: string, size: number, options: { signal: AbortSignal; onBytes?: (sent: number) => void }): Promise<{ size: number; sha256: string }> {
  const { client, bucket, send } = target
  const partSize = Math.max(PART_MIN, Math.ceil(size / PARTS_MAX))
  const created = await send(key, options.signal, () => client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ChecksumAlgorithm: 'SHA256' }), { abortSignal: options.signal }))
  const upload = { Bucket: bucket, Key: key, UploadId: created.UploadId }
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const parts: CompletedPart[] = []
    const under = new Set<Promise<void>>()
    let sent = 0
    for (let number = 1, offset = 0; offset < size; number += 1, offset += partSize) {
      const body = await readPart(file, offset, Math.min(partSize, size - offset))
      hash.update(body)
      const sum = createHash('sha256').update(body).digest('base64')
      const part = send(key, options.signal, () => client.send(new UploadPartCommand({ ...upload, PartNumber: number, Body: body, ContentLength: body.length, ChecksumSHA256: sum }), { abortSignal: options.signal })).then((done) => {
        parts[number - 1] = { PartNumber: number, ETag: done.ETag, ChecksumSHA256: sum }
        sent += body.length
        options.onBytes?.(sent)
      })
      const tracked: Promise<void> = part.finally(() => under.delete(tracked))
      under.add(tracked)
      if (under.size >= PARALLEL_PARTS) await Promise.race(under)
    }
    await Promise.all(under)
    await send(key, options.signal, () => client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }), { abortSignal: options.signal }))
    return { size, sha256: hash.digest('hex') }
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => 'the lifecycle rule of the bucket ends what could not be aborted')
    throw error
  } finally {
    await file.close()
  }
}

async function readPart(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const body = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(body, filled, length - filled, offset + filled)
    if (bytesRead === 0) throw new Error(`file shrank while it was read, at byte ${offset + filled}`)
    filled += bytesRead
  }
  return body
}

async function putBytes(target: Target, key: string, body: Uint8Array, options: { signal: AbortSignal; create: boolean; contentType?: string }): Promise<void> {
  await target.send(key, options.signal, () =>
    target.client.send(
      new PutObjectCommand({ Bucket: target.bucket, Key: key, Body: body, ContentType: options.contentType ?? 'application/json', ...(options.create ? { IfNoneMatch: '*' } : {}) }),
      { abortSignal: options.signal },
    ),
  )
}

async function getBytes(target: Target, key: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Uint8Array> {
  return target.send(key, options.signal, async () => {
    const got = await target.client.send(new GetObjectCommand({ Bucket: target.bucket, Key: key, Range: `bytes=0-${options.maxBytes - 1}` }), { abortSignal: options.signal })
    return got.Body ? got.Body.transformToByteArray() : new Uint8Array()
  })
}

async function getStream(target: Target, key: string, signal: AbortSignal): Promise<Readable> {
  const got = await target.send(key, signal, () => target.client.send(new GetObjectCommand({ Bucket: target.bucket, Key: key }), { abortSignal: signal }))
  if (!got.Body) throw new Error(`${key}: the store answered without a body`)
  return got.Body as Readable
}

async function getFile(target: Target, key: string, path: string, options: { signal: AbortSignal; onBytes?: (received: number) => void }): Promise<{ size: number; sha256: string }> {
  return target.send(key, options.signal, async () => {
    const hash = createHash('sha256')
    let size = 0
    const file = await open(path, 'w', 0o644)
    try {
      for await (const chunk of (await getStream(target, key, options.signal)) as AsyncIterable<Buffer>) {
        hash.update(chunk)
        await file.write(chunk)
        size += chunk.length
        options.onBytes?.(size)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { size, sha256: hash.digest('hex') }
  })
}

async function head(target: Target, key: string, signal: AbortSignal): Promise<ObjectHead> {
  const got = await target.send(key, signal, () => target.client.send(new HeadObjectCommand({ Bucket: target.bucket, Key: key, ChecksumMode: 'ENABLED' }), { abortSignal: signal }))
  const sum = got.ChecksumSHA256 && !got.ChecksumSHA256.includes('-') ? Buffer.from(got.ChecksumSHA256, 'base64').toString('hex') : null
  return { key, size: got.ContentLength ?? 0, sha256: got.ChecksumType === 'COMPOSITE' ? null : sum }
}

async function* list(target: Target, prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
  let token: string | undefined
  do {
    const page = await target.send(prefix, signal, () =>
      target.client.send(new ListObjectsV2Command({ Bucket: target.bucket, Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }), { abortSignal: signal }),
    )
    for (const object of page.Contents ?? []) if (object.Key !== undefined) yield { key: object.Key, size: object.Size ?? 0 }
    token = page.NextContinuationToken
  } while (token)
}
