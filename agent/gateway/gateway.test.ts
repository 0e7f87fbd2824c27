import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, createServer as createNetServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import type { AgentEvent } from '../../protocol/wire/events.ts'
import { specOf } from '../bucket/test-spec.ts'
import { openJournal } from '../journal/sqlite.ts'
import { serveGateway, type Gateway } from './gateway.ts'
import { openGateway } from './open-gateway.ts'
import { createPreemption, type Preemption } from './preemption.ts'
import { createProxy, type Proxy } from './proxy.ts'

const spec = specOf()
const UUID = '0b2f8f4e-8c1a-4c59-9d3e-1f2a3b4c5d6e'
const log = { ...createLog({ name: 'test', level: 'error' }), warn: () => undefined }
let directory: string
let journal: ReturnType<typeof openJournal>
let preemption: Preemption
let master: Server
let reported: number
let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[]
let proxy: Proxy
let gateway: Gateway | null
let url: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drover-gateway-'))
  journal = openJournal(directory, (error) => { throw error })
  preemption = createPreemption(false)
  seen = []
  reported = 0
  master = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
      response.writeHead(418, { 'x-from': 'master', 'content-type': 'text/plain' }).end(`master got ${body.length}`)
    })
  })
  await new Promise<void>((resolve) => master.listen(0, '127.0.0.1', resolve))
  proxy = createProxy(`http://127.0.0.1:${(master.address() as AddressInfo).port}`, '')
  const socket = createNetServer()
  await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(socket.address() as AddressInfo).port}`
  gateway = serveGateway(socket, { spec, journal, preemption, proxy, storage: directory, onReported: () => void (reported += 1), clock: realClock, log })
})
afterEach(async () => {
  await gateway?.close()
  proxy.close()
  master.closeAllConnections()
  master.close()
  journal.close()
  await rm(directory, { recursive: true })
})

const events = (): AgentEvent[] => journal.outbox.after(0, 100)
const post = (path: string, body: unknown): Promise<Response> => fetch(url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
const messageOf = async (response: Response): Promise<string> => ((await response.json()) as { error: { message: string } }).error.message
const report = (avg: unknown): unknown => ({ group: 'validation', metrics: { trialId: 7, trialRunId: 2, stepsCompleted: 100, metrics: { avgMetrics: avg } } })

test('health and info are answered here', async () => {
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'up' })
  expect(await (await fetch(`${url}/info`)).json()).toMatchObject({ version: '0.38.1', cluster_id: 'c1' })
  expect(seen).toEqual([])
})

test('metrics and progress are in the outbox when they are answered, in camelCase and snake_case', async () => {
  expect((await post('/api/v1/trials/7/metrics', report({ loss: 0.5, bad: 'NaN' }))).status).toBe(200)
  expect(events()).toMatchObject([{ kind: 'metrics', alloc: 'trial-7.2', reports: [{ group: 'validation', steps: 100, values: { loss: 0.5, bad: 'NaN' } }] }])
  expect((await post('/api/v1/trials/7/metrics', '{"group":"training","metrics":{"trial_id":7,"trial_run_id":2,"steps_completed":3,"metrics":{"avg_metrics":{"x":NaN}}}}')).status).toBe(200)
  expect((await post('/api/v1/trials/7/progress', { progress: 0.25, is_raw: true })).status).toBe(200)
  expect((await post('/api/v1/trials/7/early_exit', { reason: 'EXITED_REASON_INVALID_HP' })).status).toBe(200)
  expect(events().slice(1)).toMatchObject([{ reports: [{ steps: 3, values: { x: 'NaN' } }] }, { kind: 'progress', progress: 0.25 }, { kind: 'early-exit', reason: 'INVALID_HP' }])
  expect(seen).toEqual([])
})

test.each([
  ['/api/v1/trials/7/metrics', '{', 400, 'not JSON'],
  ['/api/v1/trials/7/metrics', '[]', 400, 'the body must be a JSON object'],
  ['/api/v1/trials/7/metrics', '{"group":"t"}', 400, 'metrics must be a JSON object, not missing'],
  ['/api/v1/trials/7/metrics', JSON.stringify({ group: 5, metrics: {} }), 400, 'group'],
  ['/api/v1/trials/7/metrics', JSON.stringify({ group: 't', metrics: { trialId: 8, metrics: { avgMetrics: {} } } }), 400, 'runs trial 7'],
  ['/api/v1/trials/7/metrics', JSON.stringify({ group: 't', metrics: { stepsCompleted: -1, metrics: { avgMetrics: {} } } }), 400, 'stepsCompleted'],
  ['/api/v1/trials/7/metrics', 'x'.repeat(32 * 1024 * 1024 + 1), 413, 'larger'],
  ['/api/v1/trials/7/metrics', JSON.stringify({ group: 't', metrics: { metrics: { avgMetrics: {}, batchMetrics: [1] } } }), 400, 'batchMetrics'],
  ['/api/v1/trials/7/metrics', JSON.stringify({ group: 't', metrics: { reportTime: 'soon', metrics: { avgMetrics: {} } } }), 400, 'reportTime'],
  ['/api/v1/trials/7/runner/metadata', '{"state":5}', 400, 'state must be text'],
  ['/api/v1/trials/7/early_exit', '{"reason":"BORED"}', 400, 'EXITED_REASON_INVALID_HP'],
  ['/api/v1/checkpoints', '{"uuid":"../../etc"}', 400, 'uuid must be'],
  ['/api/v1/checkpoints', JSON.stringify({ uuid: UUID, allocationId: 'trial-7.1' }), 400, 'allocationId'],
  ['/api/v1/checkpoints', JSON.stringify({ uuid: UUID, metadata: { steps_completed: 'x' } }), 400, 'steps_completed'],
  ['/api/v1/checkpoints', JSON.stringify({ uuid: UUID, metadata: { steps_completed: 1 }, resources: { a: '-1' } }), 400, 'size in bytes'],
  ['/api/v1/checkpoints', JSON.stringify({ uuid: UUID, metadata: { steps_completed: 1 } }), 400, 'there is no directory'],
  ['/api/v1/checkpoints', JSON.stringify({ uuid: UUID, metadata: { a: 'x'.repeat(300_000) } }), 413, 'at most'],
  ['/api/v1/allocations/trial-7.1/ready', '{}', 404, 'trial-7.2'],
  ['/api/v1/trials/8/metrics', JSON.stringify(report({})), 404, 'runs trial 7'],
  ['/api/v1/trials/7/early_exit', '{"reason":"EXITED_REASON_UNSPECIFIED"}', 400, 'EXITED_REASON_INVALID_HP'],
  ['/api/v1/trials/8/early_exit', '{"reason":"EXITED_REASON_INVALID_HP"}', 404, 'trial 8'],
  ['/api/v1/trials/7/progress', '{"progress":2}', 400, 'from 0 to 1'],
  ['/api/v1/allocations/trial-7.1/signals/ack_preemption', '{}', 404, 'trial-7.2'],
])('%s is refused with what is wrong (case %#)', async (path, body, status, message) => {
  const response = await post(path, body)
  expect(response.status).toBe(status)
  expect(await messageOf(response)).toContain(message)
  expect(events()).toEqual([])
})

test('a preemption poll waits for its time, or for the word', async () => {
  const poll = async (seconds: string): Promise<{ preempt: boolean; ms: number }> => {
    const from = performance.now()
    const body = (await (await fetch(`${url}/api/v1/allocations/trial-7.2/signals/preemption?${seconds}`)).json()) as { preempt: boolean }
    return { ...body, ms: performance.now() - from }
  }
  expect((await poll('timeout_seconds=0')).preempt).toBe(false)
  const short = await poll('timeoutSeconds=0.3')
  expect(short.preempt).toBe(false)
  expect(short.ms).toBeGreaterThan(250)
  const waiting = poll('timeout_seconds=60')
  await new Promise((resolve) => setTimeout(resolve, 100))
  preemption.ask()
  expect((await waiting).preempt).toBe(true)
  expect((await waiting).ms).toBeLessThan(5_000)
  expect((await poll('timeout_seconds=60')).preempt).toBe(true)
  expect((await post('/api/v1/allocations/trial-7.2/signals/ack_preemption', { allocationId: 'trial-7.2' })).status).toBe(200)
  expect(events()).toMatchObject([{ kind: 'preempt-ack' }])
})

test('the rest goes to the master with the allocation token and without what is the container\'s', async () => {
  const response = await fetch(`${url}/api/v1/users?a=1`, { method: 'POST', body: 'x'.repeat(1_000_000), headers: { authorization: 'Bearer stolen', 'grpc-metadata-x-allocation-token': 'Bearer x', cookie: 'auth=1', 'x-kept': 'yes' } })
  expect([response.status, response.headers.get('x-from'), await response.text()]).toEqual([418, 'master', 'master got 1000000'])
  expect(seen).toMatchObject([{ method: 'POST', url: '/api/v1/users?a=1', headers: { authorization: 'Bearer secret-token', 'x-kept': 'yes' } }])
  expect(Object.keys(seen[0]?.headers ?? {})).not.toContain('cookie')
  expect(Object.keys(seen[0]?.headers ?? {})).not.toContain('grpc-metadata-x-allocation-token')
})

test.each(['/', '/agent/v1/enroll', '/agent/v1/blobs/abc', '/api/v1/../../agent/v1/enroll', '/api/v1/%2e%2e/%2e%2e/agent/v1/enroll', '/api/v1/..%2f..%2fagent/v1/enroll', '/api/v1//x', '/api/v1/a\\..\\b', '//evil/api/v1/x', '/api/v1/%252e%252e/x', '/api/v10/x'])('%s is not passed on', async (path) => {
  const { status } = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect(status).toBe(404)
  expect(seen).toEqual([])
})

test('an absolute request target does not choose the host', async () => {
  expect((await raw('GET http://169.254.169.254/api/v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).status).toBe(404)
})

test('a call waits for a master that is away, and is answered when it is back; what must not be lost does not wait', async () => {
  const { port } = master.address() as AddressInfo
  master.closeAllConnections()
  await new Promise((resolve) => master.close(resolve))
  const waiting = fetch(`${url}/api/v1/trials/7`)
  expect((await post('/api/v1/trials/7/metrics', report({ loss: 1 }))).status).toBe(200)
  expect((await post('/api/v1/trials/7/early_exit', { reason: 'EXITED_REASON_INVALID_HP' })).status).toBe(200)
  const answers = [503, 418]
  master = createServer((_request, response) => response.writeHead(answers.shift() ?? 500).end('back'))
  await new Promise<void>((resolve) => master.listen(port, '127.0.0.1', resolve))
  expect((await waiting).status).toBe(418)
})

test('a POST that may have been carried out is not sent twice', async () => {
  let calls = 0
  master.removeAllListeners('request').on('request', (request: IncomingMessage) => {
    calls += 1
    request.socket.destroy()
  })
  const response = await post('/api/v1/experiments', {})
  expect([response.status, calls]).toEqual([503, 1])
})

test('a reported checkpoint is in the journal and the outbox when it is answered, once, and known here at once', async () => {
  await mkdir(join(directory, UUID))
  const body = { uuid: UUID, taskId: 'trial-7', allocationId: 'trial-7.2', metadata: { steps_completed: 9, mine: 'x' }, resources: { 'a/': '0', 'a/b': '5' }, state: 'STATE_COMPLETED' }
  expect([(await post('/api/v1/checkpoints', body)).status, (await post('/api/v1/checkpoints', body)).status, reported]).toEqual([200, 200, 1])
  expect(journal.checkpoints('trial-7.2')).toMatchObject([{ uuid: UUID, ordinal: 1, steps: 9, state: 'declared', reported: { part: false } }])
  expect(events()).toMatchObject([{ kind: 'checkpoint-declared', uuid: UUID, steps: 9, reported: { how: 'alone', metadata: { mine: 'x' }, resources: { 'a/b': 5 } } }])
  expect(await (await fetch(`${url}/api/v1/checkpoints/${UUID}`)).json()).toMatchObject({ checkpoint: { state: 'STATE_ACTIVE', metadata: { mine: 'x' }, resources: { 'a/b': '5' } } })
})

test('a report of any size that is taken goes in parts that make the same again', async () => {
  const values = { text: `"\u20ac\ud83d\ude00${'é'.repeat(10)}`.repeat(60_000) }
  expect((await post('/api/v1/trials/7/metrics', report(values))).status).toBe(200)
  const parts = events().filter((event) => event.kind === 'metrics-part')
  expect(parts.length).toBeGreaterThan(1)
  expect(parts.every((part) => part.of === parts.length && Buffer.byteLength(JSON.stringify(part)) < 880_000)).toBe(true)
  expect(JSON.parse(parts.map((part) => part.text).join(''))).toMatchObject({ group: 'validation', steps: 100, values })
})

test('status, alerts, shipped logs and the owner; what needs nothing is answered', async () => {
  await post('/api/v1/trials/7/runner/metadata', { state: 'validating' })
  await post('/api/v1/webhooks/custom', { data: { title: 'a', description: 'b', level: 'LOG_LEVEL_ERROR' } })
  await post('/api/v1/task/logs', { logs: [{ log: 'one\n', level: 'LOG_LEVEL_WARNING' }] })
  expect(events()).toMatchObject([{ kind: 'status', state: 'validating' }, { kind: 'note', level: 'ERROR', text: 'alert: a: b' }, { kind: 'note', level: 'WARNING', text: 'one' }])
  for (const path of ['runs/start', 'allocations/trial-7.2/ready', 'allocations/trial-7.2/waiting', 'allocations/trial-7.2/acceleratorData', 'allocations/trial-7.2/proxy_address', 'allocations/trial-7.2/notify_container_running', 'allocations/trial-7.2/resources/r/daemon']) {
    expect((await post(`/api/v1/${path}`, {})).status).toBe(200)
  }
  expect(await (await fetch(`${url}/api/v1/me`)).json()).toMatchObject({ user: { username: 'u' } })
  expect(await (await fetch(`${url}/api/v1/allocations/trial-7.2/resources/trial-7.2.r0/rendezvous`)).json()).toEqual({ rendezvousInfo: { addresses: ['127.0.0.1'], rank: 0, slots: [1] } })
  expect((await fetch(`${url}/api/v1/allocations/trial-7.2/resources/other/rendezvous`)).status).toBe(404)
  expect(seen).toEqual([])
})

test('garbage and upgrades are answered and harm nothing', async () => {
  expect((await raw('\0\0\0garbage\r\n\r\n')).status).toBe(400)
  expect((await raw('GET /api/v1/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')).status).toBe(501)
  expect((await fetch(`${url}/health`)).status).toBe(200)
})

test('closing ends waiting polls at once', async () => {
  const waiting = fetch(`${url}/api/v1/allocations/trial-7.2/signals/preemption?timeout_seconds=60`).catch(() => null)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const from = performance.now()
  await gateway?.close()
  gateway = null
  await waiting
  expect(performance.now() - from).toBeLessThan(2_000)
})

function raw(text: string): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => (got += chunk.toString()))
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? 0) }))
    socket.on('error', reject)
  })
}

const canUnshare = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0
if (!canUnshare) console.warn('gateway.test.ts, in a network namespace: skipped, it needs root, unshare and ip')

describe.skipIf(!canUnshare)('in the network namespace of a container', () => {
  let container: ChildProcess
  beforeEach(async () => {
    container = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo up; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await new Promise((resolve) => container.stdout?.once('data', resolve))
  })
  afterEach(() => void container.kill('SIGKILL'))

  const inside = (...command: string[]): { status: number | null; text: string } => {
    const ran = spawnSync('nsenter', [`--net=/proc/${container.pid}/ns/net`, ...command], { encoding: 'utf8' })
    return { status: ran.status, text: ran.stdout }
  }
  const FETCH = 'fetch("http://127.0.0.1:18080/health").then((r) => r.text()).then((t) => process.stdout.write(t), (e) => { process.stdout.write(e.cause.code); process.exit(1) })'
  const fetchInside = async (): Promise<string> => {
    const child = spawn('nsenter', [`--net=/proc/${container.pid}/ns/net`, process.execPath, '-e', FETCH], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await new Promise((resolve) => child.on('close', resolve))
    return text
  }
  const openInside = (pid = container.pid ?? 0, signal = new AbortController().signal): Promise<Gateway | null> =>
    openGateway({ spec, journal, preemption, proxy, storage: directory, onReported: () => undefined, clock: realClock, random: () => 0, log, place: { at: 'namespace', pid, listening: null }, run: directory, signal })

  test('it serves there, and nowhere else, without a process there', async () => {
    const opened = await openInside()
    expect(opened).not.toBeNull()
    expect((await stat(join(directory, 'gateway-ready'))).isFile()).toBe(true)
    expect(await fetchInside()).toBe('{"status":"up"}')
    await expect(fetch('http://127.0.0.1:18080/health', { signal: AbortSignal.timeout(500) })).rejects.toThrow(/fetch failed|aborted/)
    const namespace = inside('readlink', '/proc/self/ns/net').text
    const there = spawnSync('sh', ['-c', `for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net 2>/dev/null)" = "${namespace.trim()}" ] && echo $p; done; true`], { encoding: 'utf8' }).stdout.trim().split('\n')
    expect(there).toEqual([`/proc/${container.pid}`])
    await opened?.close()
    expect(await fetchInside()).toBe('ECONNREFUSED')
    const again = await openInside()
    expect(await fetchInside()).toBe('{"status":"up"}')
    await again?.close()
  })

  test('a port that is taken, a container that is gone and a shared network are told in the task log', async () => {
    const taken = spawn('nsenter', [`--net=/proc/${container.pid}/ns/net`, process.execPath, '-e', 'require("net").createServer().listen(18080,"127.0.0.1",()=>console.log(1))'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await new Promise((resolve) => taken.stdout?.once('data', resolve))
    expect(await openInside()).toBeNull()
    taken.kill('SIGKILL')
    expect(await openInside(process.pid)).toBeNull()
    expect(await openInside(4_194_304)).toBeNull()
    expect(events().map((event) => event.kind === 'note' && event.text)).toEqual([expect.stringContaining('EADDRINUSE'), expect.stringContaining('shares the network'), expect.stringContaining('ENOENT')])
  })

  test('a closed gateway listens to nothing: a net server handed over is not left open', async () => {
    const before = activeServers()
    const opened = await openInside()
    await opened?.close()
    expect(activeServers()).toBe(before)
  })
})

function activeServers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length
}
