import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { DETERMINED_VERSION } from '../../protocol/wire/version.ts'
import type { Journal } from '../journal/door.ts'
import { HttpError, answerJson, readBody } from './answer.ts'
import type { Preemption } from './preemption.ts'
import type { Proxy } from './proxy.ts'
import { readEarlyExitBody, readMetricsBody, readProgressBody } from './report-body.ts'

const METRICS_BYTES_MAX = 8 * 1024 * 1024
const SMALL_BYTES_MAX = 64 * 1024
const POLL_SECONDS_MAX = 600

export interface RouteOptions {
  spec: AllocationSpec
  journal: Journal
  preemption: Preemption
  proxy: Proxy
  clock: Clock
  /** ends waiting polls when the gateway closes */
  signal: AbortSignal
}

type Handler = (options: RouteOptions, call: Call) => Promise<void> | void
interface Call {
  request: IncomingMessage
  response: ServerResponse
  query: URLSearchParams
  /** the id in the path, decoded */
  id: string
}

/** Answered here, master or no master (decision 7). Everything else below /api/v1/ goes to the master. */
const LOCAL: readonly { method: string; path: RegExp; handle: Handler }[] = [
  { method: 'GET', path: /^\/health$/, handle: (_, call) => answerJson(call.response, 200, { status: 'up' }) },
  { method: 'GET', path: /^\/info$/, handle: info },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/metrics$/, handle: metrics },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/progress$/, handle: progress },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/early_exit$/, handle: earlyExit },
  { method: 'GET', path: /^\/api\/v1\/allocations\/([^/]+)\/signals\/preemption$/, handle: preemption },
  { method: 'POST', path: /^\/api\/v1\/allocations\/([^/]+)\/signals\/ack_preemption$/, handle: acknowledge },
]

/** Throws HttpError for what is to be refused. */
export async function route(options: RouteOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  for (const local of LOCAL) {
    const match = local.path.exec(path)
    if (match && request.method === local.method) return local.handle(options, { request, response, query: new URLSearchParams(query), id: decoded(match[1] ?? '') })
  }
  if (!isForwarded(path)) throw new HttpError(404, `${request.method} ${path.slice(0, 200)} is no route of the master's API`)
  return options.proxy.forward(request, response, options.spec.token)
}

/** Only the public API; a path that another server might read otherwise is refused, so that the agent's own routes stay out of reach. */
function isForwarded(path: string): boolean {
  if (!path.startsWith('/api/v1/')) return false
  const text = decoded(path)
  return text.startsWith('/api/v1/') && !/\/\/|\\|\p{Cc}|(^|\/)\.\.?(\/|$)|%2e|%2f|%5c/iu.test(text)
}

function info(options: RouteOptions, call: Call): void {
  const { clusterId } = options.spec
  answerJson(call.response, 200, { version: DETERMINED_VERSION, cluster_id: clusterId, cluster_name: '', master_id: clusterId, telemetry: { enabled: false }, sso_providers: null, branding: 'determined' })
}

async function metrics(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call.id)
  const report = readMetricsBody(await readBody(call.request, METRICS_BYTES_MAX), options.spec.trialId)
  const t = options.clock.wallMs()
  commit(options, { kind: 'metrics', alloc: options.spec.alloc, t, reports: [{ ...report, t }] })
  answerJson(call.response, 200, {})
}

async function progress(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call.id)
  const share = readProgressBody(await readBody(call.request, SMALL_BYTES_MAX))
  commit(options, { kind: 'progress', alloc: options.spec.alloc, t: options.clock.wallMs(), progress: share })
  answerJson(call.response, 200, {})
}

async function earlyExit(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call.id)
  const reason = readEarlyExitBody(await readBody(call.request, SMALL_BYTES_MAX))
  commit(options, { kind: 'early-exit', alloc: options.spec.alloc, t: options.clock.wallMs(), reason })
  answerJson(call.response, 200, {})
}

/** Waits up to the timeout: a prompt `false` makes the harness ask in a tight circle. */
async function preemption(options: RouteOptions, call: Call): Promise<void> {
  requireAllocation(options, call.id)
  const asked = Number(call.query.get('timeout_seconds') ?? call.query.get('timeoutSeconds') ?? 0)
  if (!Number.isFinite(asked) || asked < 0) throw new HttpError(400, 'timeout_seconds must be a number of at least 0')
  const gone = new AbortController()
  call.response.on('close', () => gone.abort())
  const preempt = await options.preemption.wait(Math.min(asked, POLL_SECONDS_MAX) * 1000, AbortSignal.any([options.signal, gone.signal]))
  answerJson(call.response, 200, { preempt })
}

async function acknowledge(options: RouteOptions, call: Call): Promise<void> {
  requireAllocation(options, call.id)
  await readBody(call.request, SMALL_BYTES_MAX)
  commit(options, { kind: 'preempt-ack', alloc: options.spec.alloc, t: options.clock.wallMs() })
  answerJson(call.response, 200, {})
}

/** Answered only after the commit. A full disk is told as a passing fault: the harness tries again. */
function commit(options: RouteOptions, event: Parameters<Journal['outbox']['append']>[0]): void {
  try {
    options.journal.outbox.append(event)
  } catch (cause) {
    throw new HttpError(503, 'the agent cannot write its journal now; try again', { retryAfterSeconds: 5, cause })
  }
}

function requireTrial(options: RouteOptions, id: string): void {
  if (id !== String(options.spec.trialId)) throw new HttpError(404, `trial ${id.slice(0, 40)} is not this container's; it runs trial ${options.spec.trialId}`)
}

function requireAllocation(options: RouteOptions, id: string): void {
  if (id !== options.spec.alloc) throw new HttpError(404, `allocation ${id.slice(0, 80)} is not this container's; it is ${options.spec.alloc}`)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new HttpError(400, 'the path holds a % that does not start an escape', { cause })
  }
}
