import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { LiveMessage } from '../../protocol/wire/live.ts'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { endTask, seedCheckpoint, seedEvent, seedExperiment, seedLines, seedMetrics } from './test-rig/seed.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

type Seeded = Awaited<ReturnType<typeof seedExperiment>>

describe.skipIf(!ADMIN_URL)('streams over real sockets', () => {
  let rig: Rig
  let base: string
  const headers = () => ({ authorization: `Bearer ${rig.user}` })
  const lines = async (path: string): Promise<{ id: string; log: string; message: string; level: string }[]> => {
    const text = await (await fetch(`${base}${path}`, { headers: headers() })).text()
    return text.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { result: { id: string; log: string; message: string; level: string } }).result)
  }
  beforeAll(async () => {
    rig = await startRig()
    base = await rig.app.listen({ host: '127.0.0.1', port: 0 })
  }, 30_000)
  afterAll(() => rig?.close())

  async function manyChunks(): Promise<Seeded> {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    for (let chunk = 0; chunk < 30; chunk += 1) await seedLines(rig.db, seeded.taskId, Array.from({ length: 7 }, (_, i) => `line ${chunk * 7 + i + 1}`), { level: chunk % 3 === 0 ? 'ERROR' : '', rank: chunk % 2, at: 1_700_000_000_000 + chunk * 1000, std: chunk % 5 === 0 ? 'stderr' : 'stdout' })
    return seeded
  }

  test('all lines of many chunks come once, in order, with head and tail', async () => {
    const { trialId, taskId } = await manyChunks()
    const all = await lines(`/api/v1/trials/${trialId}/logs`)
    expect(all.map((line) => line.log)).toEqual(Array.from({ length: 210 }, (_, i) => `line ${i + 1}\n`))
    expect(all[0]?.message).toBe('[2023-11-14T22:13:20.000000Z] 01234567 [rank=0] || ERROR: line 1\n')
    expect(all[7]?.level).toBe('LOG_LEVEL_UNSPECIFIED')
    expect((await lines(`/api/v1/tasks/${taskId}/logs?limit=10`)).map((line) => line.id)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'])
    expect((await lines(`/api/v1/trials/${trialId}/logs?limit=3&orderBy=ORDER_BY_DESC`)).map((line) => line.id)).toEqual(['210', '209', '208'])
    expect((await lines(`/api/v1/trials/${trialId}/logs?orderBy=ORDER_BY_DESC`)).map((line) => Number(line.id))).toEqual(Array.from({ length: 210 }, (_, i) => 210 - i))
  })

  test('filters', async () => {
    const { trialId } = await manyChunks()
    const count = async (query: string): Promise<number> => (await lines(`/api/v1/trials/${trialId}/logs?${query}`)).length
    expect(await count('levels=LOG_LEVEL_ERROR')).toBe(70)
    expect(await count('levels=LOG_LEVEL_ERROR&levels=LOG_LEVEL_UNSPECIFIED')).toBe(210)
    expect(await count('rankIds=1')).toBe(105)
    expect(await count('stdtypes=stderr')).toBe(42)
    expect(await count('searchText=LINE%2020')).toBe(11)
    expect(await count('agentIds=agent-1&containerIds=0123456789abcdef&sources=task')).toBe(210)
    expect(await count('agentIds=other')).toBe(0)
    expect(await count('timestampAfter=2023-11-14T22:13:48.000Z')).toBe(14)
    expect(await count('timestampBefore=2023-11-14T22:13:20.003Z')).toBe(4)
  })

  test('following gives new lines by push and ends after the last line of an ended task', async () => {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    await seedLines(rig.db, seeded.taskId, ['first'])
    const got: string[] = []
    const response = await fetch(`${base}/api/v1/trials/${seeded.trialId}/logs?follow=true`, { headers: headers() })
    const done = (async () => {
      const decoder = new TextDecoder()
      for await (const part of response.body ?? []) got.push(...decoder.decode(part as Uint8Array).split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { result: { log: string } }).result.log.trim()))
    })()
    await vi.waitFor(() => expect(got).toEqual(['first']))
    const begun = performance.now()
    await seedLines(rig.db, seeded.taskId, ['second'])
    rig.change()
    await vi.waitFor(() => expect(got).toEqual(['first', 'second']), { interval: 2 })
    expect(performance.now() - begun).toBeLessThan(900)
    await seedLines(rig.db, seeded.taskId, ['last'])
    await endTask(rig.db, seeded.taskId)
    rig.change()
    await done
    expect(got).toEqual(['first', 'second', 'last'])
  })

  test('a Postgres that cuts every connection only delays a follower', async () => {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    const following = lines(`/api/v1/trials/${seeded.trialId}/logs?follow=true`)
    await vi.waitFor(() => expect(rig.waiting()).toBe(1))
    for (let i = 1; i <= 3; i += 1) {
      await rig.cutConnections()
      rig.change()
      await vi.waitFor(() => seedLines(rig.db, seeded.taskId, [`after cut ${i}`]))
    }
    await endTask(rig.db, seeded.taskId)
    rig.change()
    expect((await following).map((line) => line.log)).toEqual(['after cut 1\n', 'after cut 2\n', 'after cut 3\n'])
  })

  test('a follower that goes away leaves nothing behind', async () => {
    const { trialId } = await seedExperiment(rig.db, { ownerId: rig.userId })
    const abort = new AbortController()
    const gone = fetch(`${base}/api/v1/trials/${trialId}/logs?follow=true`, { headers: headers(), signal: abort.signal }).then((response) => response.text())
    await vi.waitFor(() => expect(rig.waiting()).toBe(1))
    abort.abort()
    await expect(gone).rejects.toThrow()
    await vi.waitFor(() => expect(rig.waiting()).toBe(0))
  })

  test('metric streams of Determined', async () => {
    const { trialId } = await seedExperiment(rig.db, { ownerId: rig.userId })
    for (let steps = 1; steps <= 3; steps += 1) await seedMetrics(rig.db, trialId, 'training', steps, { loss: 1 / steps })
    const [page] = (await lines(`/api/v1/trials/metrics/training_metrics?trialIds=${trialId}`)) as unknown as { metrics: { totalBatches: number; group: string }[] }[]
    expect(page?.metrics.map((report) => report.totalBatches)).toEqual([1, 2, 3])
  })

  test('a checkpoint comes as tar, tgz and file by file, byte for byte', async () => {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    const files = new Map([['model/weights.bin', Buffer.alloc(3_000_000, 7)], ['metadata.json', Buffer.from('{}')], ["it's é.txt", Buffer.from('x')]])
    const { uuid, prefix } = await seedCheckpoint(rig.db, seeded, { steps: 10, files: Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.length])) })
    for (const [name, bytes] of files) rig.objects.set(`${prefix}/${name}`, bytes)
    const tar = await fetch(`${base}/checkpoints/${uuid}`, { headers: { ...headers(), accept: 'application/x-tar' } })
    expect(tar.headers.get('content-type')).toBe('application/x-tar')
    const expected = [...files].map(([name, bytes]) => [name, hashOf(bytes)]).sort()
    expect(await untar(Buffer.from(await tar.arrayBuffer()))).toEqual(expected)
    const tgz = await fetch(`${base}/checkpoints/${uuid}`, { headers: { ...headers(), accept: 'application/gzip' } })
    expect(await untar(gunzipSync(Buffer.from(await tgz.arrayBuffer())))).toEqual(expected)
    const list = await (await fetch(`${base}/api/v1/drover/checkpoints/${uuid}/files`, { headers: headers() })).json() as { files: { name: string; size: number }[] }
    expect(list.files.map((file) => file.name).sort()).toEqual([...files.keys()].sort())
    const one = await fetch(`${base}/api/v1/drover/checkpoints/${uuid}/files/${encodeURIComponent("it's é.txt")}`, { headers: headers() })
    expect([await one.text(), one.headers.get('content-disposition'), one.headers.get('x-content-type-options')]).toEqual(['x', "attachment; filename*=UTF-8''it%27s%20%C3%A9.txt", 'nosniff'])
    expect((await fetch(`${base}/api/v1/drover/checkpoints/${uuid}/files/..%2F..%2Fsecret`, { headers: headers() })).status).toBe(404)
    const shape = await (await fetch(`${base}/api/v1/checkpoints/${uuid}`, { headers: headers() })).json() as { checkpoint: { resources: Record<string, string>; training: { experimentConfig: { checkpoint_storage: { prefix: string } } } } }
    expect(`${shape.checkpoint.training.experimentConfig.checkpoint_storage.prefix}/${uuid}`).toBe(prefix)
    expect(shape.checkpoint.resources['metadata.json']).toBe('2')
  })

  test('a file that vanished or shrank breaks the archive off instead of shortening it', async () => {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    const { uuid } = await seedCheckpoint(rig.db, seeded, { steps: 10, files: { a: 5, b: 5 } })
    const early = await fetch(`${base}/checkpoints/${uuid}`, { headers: headers() })
    expect([early.status, await early.text()]).toEqual([404, expect.stringContaining('no longer in the bucket')])
    const large = await seedCheckpoint(rig.db, seeded, { steps: 11, files: { a: 2_000_000, b: 5 }, ordinal: 3 })
    rig.objects.set(`${large.prefix}/a`, randomBytes(2_000_000))
    for (const format of ['tar', 'tgz']) await expect(fetch(`${base}/checkpoints/${large.uuid}?format=${format}`, { headers: headers() }).then((response) => response.arrayBuffer())).rejects.toThrow()
    rig.objects.set(`${large.prefix}/b`, Buffer.from('123'))
    for (const format of ['tar', 'tgz']) await expect(fetch(`${base}/checkpoints/${large.uuid}?format=${format}`, { headers: headers() }).then((response) => response.arrayBuffer())).rejects.toThrow()
    rig.objects.set(`${large.prefix}/b`, Buffer.from('12345'))
    expect((await fetch(`${base}/checkpoints/${large.uuid}`, { headers: headers() }).then((response) => response.arrayBuffer())).byteLength).toBeGreaterThan(2_000_000)
    const failed = await seedCheckpoint(rig.db, seeded, { steps: 10, files: {}, state: 'ERROR', ordinal: 2 })
    expect((await fetch(`${base}/checkpoints/${failed.uuid}`, { headers: headers() })).status).toBe(409)
  })

  describe('live feed', () => {
    const open = async (options: { query?: string; headers?: Record<string, string> } = {}): Promise<{ socket: WebSocket; got: LiveMessage[] }> => {
      const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/drover/live${options.query ?? ''}`, { headers: options.headers ?? headers() })
      const got: LiveMessage[] = []
      socket.on('message', (data) => got.push(JSON.parse(String(data)) as LiveMessage))
      await once(socket, 'open')
      return { socket, got }
    }
    const refusal = (options: { query?: string; headers?: Record<string, string> }): Promise<number> => new Promise((resolve, reject) => {
      const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/drover/live${options.query ?? ''}`, { headers: options.headers ?? {} })
      socket.on('unexpected-response', (_request, response) => { resolve(response.statusCode ?? 0); socket.terminate() })
      socket.on('open', () => reject(new Error('was let in')))
      socket.on('error', () => undefined)
    })
    const itemsOf = (got: readonly LiveMessage[], id: number): { id: number }[] => got.flatMap((message): { id: number }[] => ('items' in message && message.id === id ? message.items : []))

    test('credentials: none, a foreign page, a used ticket are refused', async () => {
      expect(await refusal({})).toBe(401)
      expect(await refusal({ headers: { ...headers(), origin: 'https://evil.test' } })).toBe(403)
      const { ticket } = await (await fetch(`${base}/api/v1/drover/ticket`, { method: 'POST', headers: headers() })).json() as { ticket: string }
      expect((await fetch(`${base}/api/v1/me`, { headers: { authorization: `Bearer ${ticket}` } })).status).toBe(401)
      const { socket } = await open({ query: `?ticket=${ticket}`, headers: {} })
      socket.terminate()
      expect(await refusal({ query: `?ticket=${ticket}` })).toBe(401)
      const byCookie = await open({ headers: { cookie: `auth=${rig.user}`, origin: base } })
      byCookie.socket.terminate()
    })

    test('logs: every line once, over a broken connection, to the end', async () => {
      const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
      const subscribe = (after: number) => JSON.stringify({ kind: 'subscribe', id: 1, topic: { name: 'logs', taskId: seeded.taskId, after } })
      const writing = (async () => {
        for (let i = 0; i < 60; i += 1) {
          await seedLines(rig.db, seeded.taskId, [`${i * 2 + 1}`, `${i * 2 + 2}`])
          rig.change()
        }
        await endTask(rig.db, seeded.taskId)
        rig.change()
      })()
      const first = await open()
      first.socket.send(subscribe(0))
      await vi.waitFor(() => expect(itemsOf(first.got, 1).length).toBeGreaterThan(5), { timeout: 5_000 })
      first.socket.terminate()
      const seen = itemsOf(first.got, 1).map((item) => item.id)
      const second = await open()
      second.socket.send(subscribe(seen.at(-1) ?? 0))
      await writing
      await vi.waitFor(() => expect(second.got.at(-1)).toMatchObject({ kind: 'end', id: 1, cursor: 120 }), { timeout: 10_000 })
      expect([...seen, ...itemsOf(second.got, 1).map((item) => item.id)]).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
      second.socket.terminate()
    }, 20_000)

    test('events and metrics by cursor; unsubscribe stops; mistakes are worded', async () => {
      const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
      const { socket, got } = await open()
      socket.send(JSON.stringify({ kind: 'subscribe', id: 1, topic: { name: 'events', after: 0, experimentId: seeded.experimentId } }))
      socket.send(JSON.stringify({ kind: 'subscribe', id: 2, topic: { name: 'metrics', trialId: seeded.trialId, after: 0 } }))
      await seedEvent(rig.db, 'one', seeded.experimentId)
      await seedMetrics(rig.db, seeded.trialId, 'training', 1, { loss: 1 })
      rig.change()
      await vi.waitFor(() => expect([itemsOf(got, 1).length, itemsOf(got, 2).length]).toEqual([1, 1]))
      socket.send(JSON.stringify({ kind: 'unsubscribe', id: 1 }))
      socket.send('{')
      await vi.waitFor(() => expect(got.at(-1)).toMatchObject({ kind: 'error', id: null, message: expect.stringContaining('not understood') }))
      for (const bad of ['[]', '"x"', '{"kind":"subscribe","id":-1}', '{"kind":"subscribe","id":3,"topic":{"name":"logs","taskId":"a\\u0000","after":0}}', '{"kind":"subscribe","id":3,"topic":{"name":"metrics","trialId":99999999999,"after":0}}', '{"kind":"subscribe","id":3,"topic":{"name":"logs","taskId":"nope","after":0}}']) {
        const before = got.length
        socket.send(bad)
        await vi.waitFor(() => expect(got.slice(before)).toMatchObject([{ kind: 'error' }]))
      }
      await seedEvent(rig.db, 'two', seeded.experimentId)
      rig.change()
      await endTask(rig.db, seeded.taskId)
      rig.change()
      await vi.waitFor(() => expect(got.at(-1)).toMatchObject({ kind: 'end', id: 2 }))
      expect(itemsOf(got, 1)).toHaveLength(1)
      const closed = once(socket, 'close')
      socket.send('x'.repeat(70_000))
      expect((await closed)[0]).toBe(1009)
    })

    test('events of one instance, one pool, one kind', async () => {
      const { socket, got } = await open()
      const topics = [{ instanceId: 'i-1' }, { pool: 'spot' }, { kind: 'pool-paused' }]
      for (const [index, topic] of topics.entries()) socket.send(JSON.stringify({ kind: 'subscribe', id: index, topic: { name: 'events', after: 0, ...topic } }))
      const base = { experiment_id: null, trial_id: null, allocation_id: null, agent_id: null, data: '{}' }
      await rig.db.insertInto('events').values([
        { ...base, kind: 'instance-launched', instance_id: 'i-1', pool: 'spot', text: 'a' }, { ...base, kind: 'pool-paused', instance_id: null, pool: 'spot', text: 'b' }, { ...base, kind: 'pool-paused', instance_id: null, pool: 'other', text: 'c' },
      ]).execute()
      rig.change()
      const texts = (id: number) => itemsOf(got, id).map((item) => ('text' in item ? item.text : ''))
      await vi.waitFor(() => expect([texts(0), texts(1), texts(2)]).toEqual([['a'], ['a', 'b'], ['b', 'c']]))
      socket.send(JSON.stringify({ kind: 'subscribe', id: 9, topic: { name: 'events', after: 0, pool: '../x' } }))
      await vi.waitFor(() => expect(got.at(-1)).toMatchObject({ kind: 'error' }))
      socket.terminate()
    })

    test('a slow client is waited for, in bounded memory, and misses nothing', async () => {
      const seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
      const wide = 'w'.repeat(8_000)
      for (let chunk = 0; chunk < 40; chunk += 1) await seedLines(rig.db, seeded.taskId, Array.from({ length: 60 }, (_, i) => `${chunk * 60 + i} ${wide}`))
      await endTask(rig.db, seeded.taskId)
      const { socket, got } = await open()
      socket.pause()
      socket.send(JSON.stringify({ kind: 'subscribe', id: 1, topic: { name: 'logs', taskId: seeded.taskId, after: 0 } }))
      await new Promise((resolve) => setTimeout(resolve, 700))
      const buffered = [...rig.app.websocketServer.clients].reduce((most, client) => Math.max(most, client.bufferedAmount), 0)
      expect(buffered).toBeLessThan(5 * 1024 * 1024)
      socket.resume()
      await vi.waitFor(() => expect(got.at(-1)).toMatchObject({ kind: 'end' }), { timeout: 10_000 })
      expect(itemsOf(got, 1).map((item) => item.id)).toEqual(Array.from({ length: 2400 }, (_, i) => i + 1))
      socket.terminate()
    }, 20_000)
  })
})

async function untar(bytes: Buffer): Promise<string[][]> {
  const tar = extract()
  tar.end(bytes)
  const found: string[][] = []
  for await (const entry of tar) {
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    found.push([entry.header.name, hashOf(Buffer.concat(parts))])
  }
  return found.sort()
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
