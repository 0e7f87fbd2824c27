import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, submit } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../rig/stack.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT']
const missing = missingParts() ?? (endpoint ? null : 'DROVER_TEST_AWS_ENDPOINT is not set: no S3 to test with')
if (missing) process.stderr.write(`S3 flow tests skipped: ${missing}\n`)

const BUCKET = `drover-flow-${randomUUID().slice(0, 8)}`
const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
let stack: Stack
let s3: S3Client

const objects = async (): Promise<string[]> => ((await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }))).Contents ?? []).map((object) => object.Key ?? '')
const bytes = async (key: string): Promise<Buffer> => Buffer.from((await (await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))).Body?.transformToByteArray()) ?? [])

describe.skipIf(missing !== null)('the walk with checkpoints in S3', () => {
  beforeAll(async () => {
    s3 = new S3Client({ endpoint: endpoint ?? '', forcePathStyle: true, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
    stack = await startStack({ bucket: `s3://${BUCKET}/herd?endpoint=${encodeURIComponent(endpoint ?? '')}&region=us-east-1` })
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
    s3?.destroy()
  }, 60_000)

  test('final keys, manifest, pointer; resumed after a kill; the download is byte-equal', async () => {
    const config = {
      name: 'S3 walk', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, max_restarts: 1,
      // 20 MiB a checkpoint: more than one part
      hyperparameters: { steps: 12, every: 4, pause: 0.3, size: 20 << 20 }, searcher: { name: 'single', metric: 'validation_loss' },
    }
    const id = await submit(stack.client, config, { 'train.py': SCRIPT })
    await until('a pointer stands in the bucket', 90_000, async () => (await objects()).some((key) => /checkpoints\/0{11}4-[0-9a-f-]+\.json$/.test(key)))
    const container = stack.docker('ps', '-q', '--filter', `label=drover.experiment=${id}`)
    stack.docker('kill', '-s', 'KILL', container)
    await ends(stack.client, id, 'COMPLETED', 180_000)
    expect((await onlyTrial(stack.client, id)).restarts).toBe(1)
    expect((await logLines(stack.client, id)).some((line) => /^resumed at step (4|8)$/.test(line))).toBe(true)

    const pointerKey = (await objects()).find((key) => /checkpoints\/0{10}12-[0-9a-f-]+\.json$/.test(key)) ?? ''
    expect(pointerKey).toMatch(new RegExp(`^herd/[^/]+/experiments/${id}-s3-walk/trials/\\d+/checkpoints/`))
    const pointer = JSON.parse((await bytes(pointerKey)).toString('utf8')) as { prefix: string; uuid: string; resources: Record<string, number> }
    const manifest = JSON.parse((await bytes(`${pointer.prefix}/manifest.json`)).toString('utf8')) as { files: { name: string; size: number; sha256: string }[] }
    const downloaded = await download(pointer.uuid)
    for (const file of manifest.files) {
      const object = await bytes(`${pointer.prefix}/${file.name}`)
      expect(createHash('sha256').update(object).digest('hex')).toBe(file.sha256)
      expect(pointer.resources[file.name]).toBe(object.length)
      expect(downloaded.get(file.name)?.equals(object)).toBe(true)
    }
  }, 300_000)
})

/** Through the master, as a tgz. */
async function download(uuid: string): Promise<Map<string, Buffer>> {
  const response = await stack.client.raw(`/checkpoints/${uuid}?format=tgz`)
  const files = new Map<string, Buffer>()
  const tar = extract()
  tar.end(gunzipSync(Buffer.from(await response.arrayBuffer())))
  for await (const entry of tar) {
    const chunks: Uint8Array[] = []
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk)
    if (entry.header.type === 'file') files.set(entry.header.name.replace(/^\.\//, '').replace(new RegExp(`^${uuid}/`), ''), Buffer.concat(chunks))
  }
  return files
}
