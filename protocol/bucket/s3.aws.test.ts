import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, test } from 'vitest'
import { realClock } from '../kit/clock.ts'
import { createLog } from '../kit/log.ts'
import { bucketContract } from './contract.ts'
import type { Bucket } from './door.ts'
import { openBucket } from './open.ts'
import { partBytes } from './s3-upload.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
if (endpoint === '') console.warn('s3.aws.test.ts skipped: DROVER_TEST_AWS_ENDPOINT is not set')
const options = { log: createLog({ name: 'test', level: 'error' }), clock: realClock, random: Math.random }
const MiB = 1024 * 1024

async function freshBucket(): Promise<string> {
  const name = `drover-test-${randomUUID()}`
  const client = admin()
  await client.send(new CreateBucketCommand({ Bucket: name }))
  client.destroy()
  return name
}

function admin(): S3Client {
  return new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1' })
}

function openAt(url: string, bucket: string): Bucket {
  return openBucket({ type: 's3', bucket, prefix: '', endpoint: url, region: 'us-east-1' }, options)
}

describe.skipIf(endpoint === '')('S3', () => {
  const servers: Server[] = []
  afterAll(() => servers.forEach((server) => server.close()))

  bucketContract('an S3 bucket', async () => openAt(endpoint, await freshBucket()))

  /** A proxy in front of the store; `fault` may take a request over, and says so. */
  async function faulty(fault: (request: IncomingMessage, response: ServerResponse, forward: (reply: 'give' | 'lose') => void) => boolean): Promise<string> {
    const server = createServer((incoming, outgoing) => {
      const forward = (reply: 'give' | 'lose'): void => {
        const upstream = request(new URL(incoming.url ?? '/', endpoint), { method: incoming.method ?? 'GET', headers: incoming.headers }, (answer) => {
          if (reply === 'give') return void (outgoing.writeHead(answer.statusCode ?? 500, answer.headers), answer.pipe(outgoing))
          answer.resume().on('end', () => outgoing.socket?.destroy())
        })
        incoming.pipe(upstream)
      }
      if (!fault(incoming, outgoing, forward)) forward('give')
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function upload(url: string, name: string, size: number): Promise<{ retries: number; equal: boolean }> {
    const signal = AbortSignal.timeout(60_000)
    const local = await mkdtemp(join(tmpdir(), 'drover-s3-'))
    const body = randomBytes(size)
    await writeFile(join(local, 'file'), body)
    const bucket = openAt(url, name)
    let retries = 0
    await bucket.putFile('dir/file', join(local, 'file'), { signal, onRetry: () => (retries += 1) })
    const got = await bucket.getFile('dir/file', join(local, 'back'), { signal, onRetry: () => (retries += 1) })
    bucket.close()
    await rm(local, { recursive: true })
    return { retries, equal: got.sha256 === createHash('sha256').update(body).digest('hex') }
  }

  test('every part is sent again after 503 and after a reset, and the object is whole', async () => {
    let count = 0
    const url = await faulty((incoming, outgoing) => {
      count += 1
      if (count % 3 !== 0) return false
      if (count % 2 === 0) incoming.socket.destroy()
      else incoming.resume().on('end', () => outgoing.writeHead(503).end('<Error><Code>SlowDown</Code><Message>slow</Message></Error>'))
      return true
    })
    const { retries, equal } = await upload(url, await freshBucket(), 41 * MiB)
    expect(equal).toBe(true)
    expect(retries).toBeGreaterThan(3)
  })

  test('lost replies of each kind of write end well', async () => {
    const seen = new Set<string>()
    const url = await faulty((incoming, _outgoing, forward) => {
      const kind = `${incoming.method} ${incoming.url?.replace(/=[^&]*/g, '')}`
      if (incoming.method === 'HEAD' || incoming.method === 'GET' || seen.has(kind)) return false
      seen.add(kind)
      forward('lose')
      return true
    })
    expect(await upload(url, await freshBucket(), 20 * MiB)).toMatchObject({ equal: true })
    expect([...seen].some((kind) => kind.startsWith('POST') && kind.includes('uploadId'))).toBe(true)
  })

  test('a lost reply of a create is told as `exists`', async () => {
    let lost = false
    const url = await faulty((incoming, _outgoing, forward) => {
      if (incoming.method !== 'PUT' || lost) return false
      lost = true
      forward('lose')
      return true
    })
    const bucket = openAt(url, await freshBucket())
    const signal = AbortSignal.timeout(20_000)
    await expect(bucket.putBytes('a', Buffer.from('mine'), { signal, create: true })).rejects.toMatchObject({ kind: 'exists' })
    expect(Buffer.from(await bucket.getBytes('a', { signal, maxBytes: 100 })).toString()).toBe('mine')
    bucket.close()
  })

  test('bytes cut off on their way down are fetched again', async () => {
    let cut = 0
    const url = await faulty((incoming, outgoing) => {
      if (incoming.method !== 'GET' || cut >= 2) return false
      cut += 1
      outgoing.writeHead(206, { 'content-length': '8388608' })
      outgoing.write(Buffer.alloc(1000), () => outgoing.socket?.destroy())
      return true
    })
    expect(await upload(url, await freshBucket(), 20 * MiB)).toMatchObject({ equal: true })
    expect(cut).toBe(2)
  })

  test('a failed multipart upload is aborted at the store', async () => {
    const name = await freshBucket()
    let part = 0
    const url = await faulty((incoming, outgoing) => {
      if (!incoming.url?.includes('partNumber') || ++part < 3) return false
      incoming.resume().on('end', () => outgoing.writeHead(403).end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>'))
      return true
    })
    await expect(upload(url, name, 41 * MiB)).rejects.toMatchObject({ name: 'BucketError', kind: 'denied' })
    const client = admin()
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: name }))).Uploads ?? []).toEqual([])
    client.destroy()
  })

  test('errors are named: no such bucket, nobody there', async () => {
    const signal = AbortSignal.timeout(30_000)
    const none = openAt(endpoint, 'drover-test-none')
    await expect(none.putBytes('a', Buffer.from('x'), { signal, create: false })).rejects.toMatchObject({ kind: 'denied', message: expect.stringContaining('NoSuchBucket') })
    none.close()
    const dead = openAt('http://127.0.0.1:9', 'b')
    await expect(dead.head('a', { signal })).rejects.toMatchObject({ kind: 'transient', message: expect.stringContaining('ECONNREFUSED') })
    dead.close()
  })
})

test('parts grow so that no file needs more than 9,000 of them', () => {
  expect(partBytes(17 * MiB)).toBe(8 * MiB)
  for (const size of [70e9, 100e9, 1e12, 5e12]) expect(Math.ceil(size / partBytes(size))).toBeLessThanOrEqual(9_000)
})
