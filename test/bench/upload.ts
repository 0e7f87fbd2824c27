import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { openBucket } from '../../protocol/bucket/open.ts'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import type { Row } from './row.ts'

const BYTES = 256 << 20
const RUNS = 5

/** One file of 256 MiB into a sink in a process of its own: our bucket door beside lib-storage with its defaults. */
export async function uploadRows(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-'))
  const file = join(dir, 'file')
  const sha256 = writeRandom(file)
  const ours: number[] = []
  const peer: number[] = []
  try {
    await verifyOnce(file, sha256)
    const sink = await startSink(false)
    for (let run = 0; run < RUNS; run += 1) {
      const both = [async () => void ours.push(await throughDoor(sink.url, file)), async () => void peer.push(await throughLibStorage(sink.url, file))]
      for (const one of run % 2 === 0 ? both : both.toReversed()) await one()
    }
    sink.child.kill()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  return [{ name: 'checkpoint upload 256 MiB over HTTP', unit: 'MB/s', ours, peer, peerName: 'lib-storage defaults', goal: { atLeast: 2 } }]
}

/** Outside the clock: what arrives is what was sent. */
async function verifyOnce(file: string, sha256: string): Promise<void> {
  const sink = await startSink(true)
  await throughDoor(sink.url, file)
  const seen = (await (await fetch(`${sink.url}/bench/ours`)).json()) as { bytes: number; sha256: string } | null
  sink.child.kill()
  if (seen?.bytes !== BYTES || seen.sha256 !== sha256) throw new Error(`the sink received ${JSON.stringify(seen)}, sent were ${BYTES} bytes with SHA-256 ${sha256}`)
}

async function throughDoor(url: string, path: string): Promise<number> {
  const log = createLog({ name: 'bench', level: 'error' })
  const bucket = await openBucket({ type: 's3', bucket: 'bench', prefix: '', endpoint: url, region: 'us-east-1' }, { log, clock: realClock, random: Math.random })
  const from = performance.now()
  await bucket.putFile('ours', path, { signal: new AbortController().signal })
  const took = performance.now() - from
  bucket.close()
  return BYTES / 1e6 / (took / 1000)
}

async function throughLibStorage(url: string, path: string): Promise<number> {
  const client = new S3Client({ endpoint: url, forcePathStyle: true, region: 'us-east-1' })
  const from = performance.now()
  await new Upload({ client, params: { Bucket: 'bench', Key: 'peer', Body: createReadStream(path) } }).done()
  const took = performance.now() - from
  client.destroy()
  return BYTES / 1e6 / (took / 1000)
}

function startSink(verify: boolean): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sink.mjs')], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, SINK_VERIFY: verify ? '1' : '0' } })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', (data: Buffer) => resolve({ url: `http://127.0.0.1:${data.toString('utf8').trim()}`, child }))
  })
}

function writeRandom(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'w')
  for (let written = 0; written < BYTES; written += 1 << 20) {
    const block = randomBytes(1 << 20)
    hash.update(block)
    writeSync(file, block)
  }
  closeSync(file)
  return hash.digest('hex')
}
