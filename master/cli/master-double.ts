import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json as readJson } from 'node:stream/consumers'
import { hashPassword } from './hash-password.ts'
import { herdAnswers } from './herd-double.ts'
import type { Experiment, Trial, TrialLog } from './shapes.ts'

/** For tests: a real HTTP server that speaks the shapes of the API and breaks where it is told to. */
export interface MasterDouble {
  url: string
  experiment: Experiment
  trial: Trial
  lines: TrialLog[]
  checkpoints: Record<string, unknown>[]
  /** bytes of GET /checkpoints/:uuid */
  archive: Buffer
  created: { config?: string; activate?: boolean; contextTgz?: string }[]
  /** method and path of each request, oldest first */
  seen: string[]
  /** cut the next log streams after so many lines; -1 ends them well there */
  cutAfter: number[]
  /** answer to any path, before all else */
  fault: ((path: string) => { status: number; body: unknown } | null) | null
  /** 'after' of the query is honoured only when true: clients must do without it */
  knowsAfter: boolean
  append(text: string, more?: Partial<TrialLog>): void
  end(state: string, reason?: string): void
  stop(): Promise<void>
  start(): Promise<void>
}

export const TOKEN = 'token-of-the-test'
const UUID = '0b1c2d3e-0000-4000-8000-000000000001'

export async function startMasterDouble(): Promise<MasterDouble> {
  const double: MasterDouble = {
    url: '', lines: [], archive: Buffer.alloc(0), created: [], seen: [], cutAfter: [], fault: null, knowsAfter: false,
    experiment: { id: 7, name: 'tidy-river-fox', state: 'STATE_RUNNING', startTime: '2026-01-02T03:04:05.678Z', endTime: null, username: 'admin', archived: false, numTrials: 1, progress: 0.38, resourcePool: 'default', checkpointCount: 1 },
    trial: { id: 9, experimentId: 7, state: 'STATE_RUNNING', startTime: '2026-01-02T03:04:06Z', restarts: 0, totalBatchesProcessed: 1200, checkpointCount: 1, latestValidation: { totalBatches: 1200, metrics: { avgMetrics: { loss: 0.31234, accuracy: 0.89 } } } },
    checkpoints: [{ uuid: UUID, state: 'STATE_COMPLETED', reportTime: '2026-01-02T03:05:00Z', resources: { 'model.bin': '5', 'a/': '0', 'a/b.txt': '3' }, metadata: { steps_completed: 1200 }, training: { experimentId: 7, trialId: 9, searcherMetric: 0.31 } }],
    append(text, more = {}) {
      double.lines.push({ id: String(double.lines.length + 1), timestamp: `2026-01-02T03:04:${String(10 + (double.lines.length % 50))}.000Z`, level: 'LOG_LEVEL_INFO', message: text, log: `${text}\n`, rankId: 0, ...more })
    },
    end(state, reason = '') {
      double.experiment = { ...double.experiment, state: `STATE_${state}`, endTime: '2026-01-02T04:00:00Z', drover: { stateReason: reason } }
      double.trial = { ...double.trial, state: `STATE_${state}` }
    },
    stop: () => stop(server),
    start: () => listen(server, Number(new URL(double.url).port)),
  }
  const server = createServer((request, response) => {
    answer(double, request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await listen(server, 0)
  double.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return double
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function answer(double: MasterDouble, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x')
  const path = url.pathname
  double.seen.push(`${request.method} ${path}${url.search}`)
  const send = (status: number, body: unknown): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const refuse = (status: number, words: string): void => send(status, { error: { code: status, reason: 'Refused', error: words }, message: words })
  const fault = double.fault?.(path)
  if (fault) return send(fault.status, fault.body)
  if (path === '/api/v1/auth/login') {
    const body = (await readJson(request)) as { username: string; password: string; isHashed: boolean }
    return body.isHashed && body.username === 'admin' && body.password === hashPassword('secret') ? send(200, { token: TOKEN, user: { username: 'admin' } }) : refuse(403, 'invalid credentials')
  }
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(401, 'not logged in')
  if (path === '/api/v1/experiments' && request.method === 'POST') {
    double.created.push((await readJson(request)) as MasterDouble['created'][number])
    return send(200, { experiment: double.experiment, config: {}, warnings: [] })
  }
  if (path === '/api/v1/trials/9/logs') return streamLogs(double, url, response)
  if (path === `/checkpoints/${UUID}`) return void response.writeHead(200).end(double.archive)
  const found = lookUp(double, path)
  return found === null ? refuse(404, `there is nothing at ${path}`) : send(200, found)
}

function lookUp(double: MasterDouble, path: string): unknown {
  const { experiment, trial, checkpoints } = double
  const answers: Record<string, unknown> = {
    '/api/v1/me': { user: { id: 1, username: 'admin', admin: true } },
    '/api/v1/auth/logout': {},
    '/api/v1/experiments': { experiments: [experiment] },
    '/api/v1/experiments/7': { experiment },
    '/api/v1/experiments/7/trials': { trials: [trial] },
    '/api/v1/experiments/7/checkpoints': { checkpoints },
    '/api/v1/trials/9/checkpoints': { checkpoints },
    '/api/v1/checkpoints/rm': {},
    '/api/v1/drover/experiments/7/retention': { policy: { save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 }, metric: 'loss', going: [{ uuid: UUID, trialId: 9, steps: 600, searcherMetric: 0.5, bytes: '2048', reportTime: '2026-01-02T03:05:00Z' }], bytes: '2048' },
    '/api/v1/trials/9': { trial },
    [`/api/v1/checkpoints/${UUID}`]: { checkpoint: checkpoints[0] },
    '/api/v1/agents': { agents: [{ id: 'gpu-1', enabled: true, resourcePools: ['default'], version: '0.1.0', registeredTime: '2026-01-01T00:00:00Z', drover: { status: 'ok', instanceType: 'g5.xlarge', zone: 'us-east-1a' }, slots: { 'GPU-a': { id: 'GPU-a', enabled: true, device: { brand: 'NVIDIA\u001b[31m A10G', type: 'TYPE_CUDA' }, container: { id: 'c1', parent: 'trial-9.1' } } } }] },
    '/api/v1/agents/gpu-1/disable': { agent: { id: 'gpu-1' } },
    '/api/v1/drover/why/experiments/7': { summary: 'waits for 2 slots in pool default', trials: [], events: [] },
    ...herdAnswers(),
    '/api/v1/drover/events': { events: [{ id: 3, time: '2026-01-02T03:04:05Z', kind: 'experiment-created', experimentId: 7, trialId: null, allocationId: null, agentId: null, text: 'created by admin', data: {} }], cursor: 3 },
    ...Object.fromEntries(['pause', 'activate', 'cancel', 'kill'].map((verb) => [`/api/v1/experiments/7/${verb}`, {}])),
  }
  return answers[path] ?? null
}

async function streamLogs(double: MasterDouble, url: URL, response: ServerResponse): Promise<void> {
  const query = url.searchParams
  const cut = double.cutAfter.shift()
  let at = double.knowsAfter ? Number(query.get('after') ?? 0) : 0
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  const ordered = query.get('orderBy') === 'ORDER_BY_DESC' ? double.lines.toReversed() : double.lines
  const limit = Number(query.get('limit') ?? Infinity)
  for (let sent = 0; !response.destroyed; ) {
    const entry = ordered[at]
    if (cut !== undefined && sent >= Math.abs(cut)) return void (cut < 0 ? response.end() : response.destroy())
    if (entry !== undefined && sent < limit) {
      // half a line first: a cut may fall anywhere
      const text = `${JSON.stringify({ result: entry })}\n`
      response.write(text.slice(0, 10))
      await new Promise((resolve) => setTimeout(resolve, 1))
      response.write(text.slice(10))
      ;[at, sent] = [at + 1, sent + 1]
    } else if (query.get('follow') !== 'true' || double.trial.state === 'STATE_COMPLETED' || double.trial.state === 'STATE_ERROR') return void response.end()
    else await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
