import { createHash, hash, webcrypto } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand, HeadObjectCommand, PutObjectCommand, UploadPartCommand, type CompletedPart, type S3Client } from '@aws-sdk/client-s3'
import type { Log } from '../kit/log.ts'
import { BucketError, type TransferOptions } from './door.ts'
import type { Lanes } from './lanes.ts'
import { readFully } from './read-file.ts'
import { retried, type Retry } from './retry.ts'
import { isNoSuchUpload } from './s3-errors.ts'

const MiB = 1024 * 1024
export const SINGLE_BYTES_MAX = 16 * MiB
const PART_BYTES = 8 * MiB
const PARTS_MAX = 9_000
const PARTS_AT_ONCE = 4
/** A multipart upload that S3 forgot (lifecycle rule) is begun again this often. */
const RESTARTS_MAX = 3

export interface S3Transfer {
  client: S3Client
  bucket: string
  retry: Retry
  log: Log
  /** parts in memory over all transfers of this bucket */
  lanes: Lanes
}

interface Target {
  key: string
  path: string
  file: FileHandle
  size: number
  options: TransferOptions
}

/** 8 MiB up to 70 GiB, then as large as 9,000 parts need, in whole MiB. */
export function partBytes(size: number): number {
  return Math.max(PART_BYTES, Math.ceil(size / PARTS_MAX / MiB) * MiB)
}

export async function uploadFile(s3: S3Transfer, key: string, path: string, options: TransferOptions): Promise<{ size: number; sha256: string }> {
  const file = await open(path, 'r')
  try {
    const target = { key, path, file, size: (await file.stat()).size, options }
    return target.size <= SINGLE_BYTES_MAX ? await uploadWhole(s3, target) : await uploadInParts(s3, target)
  } finally {
    await file.close()
  }
}

async function uploadWhole(s3: S3Transfer, target: Target): Promise<{ size: number; sha256: string }> {
  const leave = await s3.lanes.enter(target.options.signal)
  try {
    const body = Buffer.allocUnsafe(target.size)
    await readFully(target.file, body, 0, target.path)
    const sha256 = hash('sha256', body, 'buffer')
    const input = { Bucket: s3.bucket, Key: target.key, Body: body, ContentLength: target.size, ChecksumSHA256: sha256.toString('base64') }
    await sent(s3, target, `put ${target.key}`, () => s3.client.send(new PutObjectCommand(input), { abortSignal: target.options.signal }))
    target.options.onBytes?.(target.size)
    return { size: target.size, sha256: sha256.toString('hex') }
  } finally {
    leave()
  }
}

async function uploadInParts(s3: S3Transfer, target: Target): Promise<{ size: number; sha256: string }> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await uploadPartsOnce(s3, target)
    } catch (error) {
      if (!isNoSuchUpload(error) || restarts >= RESTARTS_MAX) throw error
      s3.log.warn({ key: target.key, err: error }, 'multipart upload was forgotten by the store, begun again')
    }
  }
}

async function uploadPartsOnce(s3: S3Transfer, target: Target): Promise<{ size: number; sha256: string }> {
  const { key, options } = target
  const begun = await sent(s3, target, `begin upload of ${key}`, () =>
    s3.client.send(new CreateMultipartUploadCommand({ Bucket: s3.bucket, Key: key, ChecksumAlgorithm: 'SHA256' }), { abortSignal: options.signal }))
  const uploadId = begun.UploadId
  if (uploadId === undefined) throw new BucketError('transient', `begin upload of ${key}: the store gave no upload id`)
  try {
    const { parts, sha256 } = await sendParts(s3, target, uploadId)
    await complete(s3, target, uploadId, parts)
    return { size: target.size, sha256 }
  } catch (error) {
    await abort(s3, key, uploadId)
    throw error
  }
}

/** Reads in order, for the hash of the whole; sends up to four parts at a time. */
async function sendParts(s3: S3Transfer, target: Target, uploadId: string): Promise<{ parts: CompletedPart[]; sha256: string }> {
  const whole = createHash('sha256')
  const failed = new AbortController()
  const signal = AbortSignal.any([target.options.signal, failed.signal])
  const bytes = partBytes(target.size)
  const sending: Promise<CompletedPart>[] = []
  try {
    for (let position = 0, number = 1; position < target.size; position += bytes, number += 1) {
      if (number > PARTS_AT_ONCE) await sending[number - 1 - PARTS_AT_ONCE]
      const leave = await s3.lanes.enter(signal)
      const body = await readPart(target, position, bytes).catch((error: unknown) => {
        leave()
        throw error
      })
      whole.update(body)
      const part = sendPart(s3, target, { uploadId, number, body, signal }).finally(leave)
      part.catch((error: unknown) => failed.abort(error))
      sending.push(part)
    }
    return { parts: await Promise.all(sending), sha256: whole.digest('hex') }
  } finally {
    // no part may still be under way once this ends
    if (!failed.signal.aborted) failed.abort(new Error('upload has ended'))
    await Promise.allSettled(sending)
  }
}

async function readPart(target: Target, position: number, bytes: number): Promise<Buffer<ArrayBuffer>> {
  const body = Buffer.allocUnsafeSlow(Math.min(bytes, target.size - position))
  await readFully(target.file, body, position, target.path)
  return body
}

async function sendPart(s3: S3Transfer, target: Target, part: { uploadId: string; number: number; body: Buffer<ArrayBuffer>; signal: AbortSignal }): Promise<CompletedPart> {
  const { number, body } = part
  const checksum = Buffer.from(await webcrypto.subtle.digest('SHA-256', body)).toString('base64')
  const input = { Bucket: s3.bucket, Key: target.key, UploadId: part.uploadId, PartNumber: number, Body: body, ContentLength: body.length, ChecksumSHA256: checksum }
  const reply = await sent(s3, target, `put part ${number} of ${target.key}`, () => s3.client.send(new UploadPartCommand(input), { abortSignal: part.signal }), part.signal)
  target.options.onBytes?.(body.length)
  return { PartNumber: number, ETag: reply.ETag, ChecksumSHA256: checksum }
}

/** A lost reply leaves the upload unknown and the object there: a look at its size tells success. */
async function complete(s3: S3Transfer, target: Target, uploadId: string, parts: CompletedPart[]): Promise<void> {
  const { key, options } = target
  try {
    await sent(s3, target, `complete upload of ${key}`, () =>
      s3.client.send(new CompleteMultipartUploadCommand({ Bucket: s3.bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts: parts } }), { abortSignal: options.signal }))
  } catch (error) {
    if (!isNoSuchUpload(error)) throw error
    const head = await sent(s3, target, `look at ${key}`, () => s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal: options.signal }))
    if (head.ContentLength !== target.size || !head.ETag?.includes(`-${parts.length}`)) throw error
  }
}

/** Best effort: what is left is removed by the bucket's lifecycle rule for unfinished uploads. */
async function abort(s3: S3Transfer, key: string, uploadId: string): Promise<void> {
  try {
    await s3.client.send(new AbortMultipartUploadCommand({ Bucket: s3.bucket, Key: key, UploadId: uploadId }), { abortSignal: AbortSignal.timeout(5_000) })
  } catch (error) {
    if (!isNoSuchUpload(error)) s3.log.warn({ key, uploadId, err: error }, 'unfinished upload could not be aborted')
  }
}

function sent<T>(s3: S3Transfer, target: Target, what: string, send: () => Promise<T>, signal = target.options.signal): Promise<T> {
  return retried(s3.retry, { what: `${what} in s3://${s3.bucket}`, signal, attempts: Infinity, onRetry: target.options.onRetry }, send)
}
