import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { S3Client } from '@aws-sdk/client-s3'
import type { Storage } from '../wire/spec.ts'

export type S3Storage = Extract<Storage, { type: 's3' }>

/** Sockets kept to one bucket. S3 gives about 90 MB/s on each. */
const SOCKETS_MAX = 32

/**
 * An SDK client tuned for bulk: kept connections, no wait for `100 Continue`, no checksums of the SDK's own (the door
 * sends SHA-256 itself), and the payload's signature taken from `payloadSha256` rather than hashed a second time.
 */
export function createS3Client(storage: S3Storage): S3Client {
  const sockets = { keepAlive: true, maxSockets: SOCKETS_MAX }
  const client = new S3Client({
    ...(storage.endpoint === null ? {} : { endpoint: storage.endpoint, forcePathStyle: true }),
    ...(storage.region === null ? (storage.endpoint === null ? {} : { region: 'us-east-1' }) : { region: storage.region }),
    followRegionRedirects: true,
    maxAttempts: 1,
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      httpAgent: new HttpAgent(sockets),
      httpsAgent: new HttpsAgent(sockets),
      connectionTimeout: 5_000,
      // silence on the socket, not the length of a transfer
      socketTimeout: 60_000,
    },
  })
  signWithKnownHash(client)
  return client
}

/** SigV4 needs the SHA-256 of the payload; the checksum header already has it. */
function signWithKnownHash(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request
      if (isHttpRequest(request)) {
        const checksum = request.headers['x-amz-checksum-sha256']
        if (checksum !== undefined) request.headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex')
      }
      return next(args)
    },
    { step: 'build', priority: 'low', name: 'signWithKnownHash' },
  )
}

function isHttpRequest(value: unknown): value is { headers: Record<string, string>; method: string } {
  return typeof value === 'object' && value !== null && 'headers' in value && 'method' in value
}
