import { hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import type { BucketOptions } from './options.ts'
import { BucketError, type Bucket, type ObjectHead, type ObjectInfo } from './door.ts'
import { checkKey } from './key.ts'
import { createLanes } from './lanes.ts'
import { retried } from './retry.ts'
import { createS3Client, type S3Storage } from './s3-client.ts'
import { downloadFile, readBody } from './s3-download.ts'
import { uploadFile, type S3Transfer } from './s3-upload.ts'
import { storageUrl } from './url.ts'

/** Small requests are tried this often, about ten seconds; the callers have loops of their own. */
const ATTEMPTS = 6
/** 8 parts of 8 MiB in memory per bucket, whatever the number of files under way. */
const LANES = 8

export function openS3Bucket(storage: S3Storage, options: BucketOptions): Bucket {
  const client = createS3Client(storage)
  const transfer: S3Transfer = { client, bucket: storage.bucket, retry: options, log: options.log, lanes: createLanes(LANES) }
  const Bucket = storage.bucket
  const small = <T>(what: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> =>
    retried(options, { what: `${what} in s3://${Bucket}`, signal, attempts: ATTEMPTS }, send)

  return {
    url: storageUrl(storage),
    putFile: async (key, path, transferOptions) => uploadFile(transfer, checkKey(key), path, transferOptions),
    getFile: async (key, path, transferOptions) => downloadFile(transfer, checkKey(key), path, transferOptions),
    async putBytes(key, body, { signal, create, contentType }) {
      checkKey(key)
      const input = {
        Bucket, Key: key, Body: body, ContentLength: body.length, ChecksumSHA256: hash('sha256', body, 'base64'),
        ...(create ? { IfNoneMatch: '*' } : {}), ...(contentType === undefined ? {} : { ContentType: contentType }),
      }
      await small(`put ${key}`, signal, () => client.send(new PutObjectCommand(input), { abortSignal: signal }))
    },
    async getBytes(key, { signal, maxBytes }) {
      checkKey(key)
      return small(`get ${key}`, signal, async () => {
        const reply = await client.send(new GetObjectCommand({ Bucket, Key: key }), { abortSignal: signal })
        const body = reply.Body as Readable
        const size = reply.ContentLength ?? 0
        if (size > maxBytes) {
          body.destroy()
          throw new BucketError('corrupt', `get ${key} in s3://${Bucket}: ${size} bytes, more than the ${maxBytes} allowed`)
        }
        return readBody(body, size, `get ${key} in s3://${Bucket}`)
      })
    },
    async getStream(key, { signal }) {
      checkKey(key)
      const reply = await small(`get ${key}`, signal, () => client.send(new GetObjectCommand({ Bucket, Key: key }), { abortSignal: signal }))
      return reply.Body as Readable
    },
    async head(key, { signal }): Promise<ObjectHead> {
      checkKey(key)
      const reply = await small(`look at ${key}`, signal, () => client.send(new HeadObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' }), { abortSignal: signal }))
      return { key, size: reply.ContentLength ?? 0, sha256: wholeSha256(reply.ChecksumSHA256, reply.ETag) }
    },
    async *list(prefix, { signal }): AsyncGenerator<ObjectInfo> {
      let token: string | undefined
      do {
        const input = { Bucket, Prefix: prefix, ...(token === undefined ? {} : { ContinuationToken: token }) }
        const page = await small(`list ${prefix}`, signal, () => client.send(new ListObjectsV2Command(input), { abortSignal: signal }))
        for (const object of page.Contents ?? []) if (object.Key !== undefined) yield { key: object.Key, size: object.Size ?? 0 }
        token = page.IsTruncated ? page.NextContinuationToken : undefined
      } while (token !== undefined)
    },
    async remove(key, { signal }) {
      checkKey(key)
      await small(`remove ${key}`, signal, () => client.send(new DeleteObjectCommand({ Bucket, Key: key }), { abortSignal: signal }))
    },
    close: () => client.destroy(),
  }
}

/** A multipart object (its ETag ends in `-<parts>`) has a checksum of its parts' checksums: not that of the whole. */
function wholeSha256(base64: string | undefined, etag: string | undefined): string | null {
  if (base64 === undefined || base64.includes('-') || etag?.includes('-')) return null
  return Buffer.from(base64, 'base64').toString('hex')
}
