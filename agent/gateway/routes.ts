import type { IncomingMessage, ServerResponse } from 'node:http'
import { DETERMINED_VERSION } from '../../protocol/wire/version.ts'
import { HttpError, answerJson } from './answer.ts'
import { acknowledge, preemption, rendezvous, settled } from './about-allocation.ts'
import { findCheckpoint, reportCheckpoint } from './about-checkpoint.ts'
import { alert, earlyExit, metrics, progress, shipLogs, status } from './about-trial.ts'
import type { Call, Handler, RouteOptions } from './call.ts'
import { forwardPatiently } from './patient.ts'

/**
 * Answered here, master or no master (decision 7); what must not be lost after it is on disk. Everything else below
 * /api/v1/ goes to the master, and waits for it. A handler that returns false leaves its call to the master, too.
 */
const LOCAL: readonly { method: string; path: RegExp; handle: Handler }[] = [
  { method: 'GET', path: /^\/health$/, handle: (_, call) => answerJson(call.response, 200, { status: 'up' }) },
  { method: 'GET', path: /^\/info$/, handle: info },
  { method: 'GET', path: /^\/api\/v1\/me$/, handle: me },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/metrics$/, handle: metrics },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/progress$/, handle: progress },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/runner\/metadata$/, handle: status },
  { method: 'POST', path: /^\/api\/v1\/trials\/([^/]+)\/early_exit$/, handle: earlyExit },
  { method: 'POST', path: /^\/api\/v1\/task\/logs$/, handle: shipLogs },
  { method: 'POST', path: /^\/api\/v1\/webhooks\/custom$/, handle: alert },
  { method: 'POST', path: /^\/api\/v1\/runs\/start$/, handle: settled },
  { method: 'POST', path: /^\/api\/v1\/checkpoints$/, handle: reportCheckpoint },
  { method: 'GET', path: /^\/api\/v1\/checkpoints\/([^/]+)$/, handle: findCheckpoint },
  { method: 'GET', path: /^\/api\/v1\/allocations\/([^/]+)\/signals\/preemption$/, handle: preemption },
  { method: 'POST', path: /^\/api\/v1\/allocations\/([^/]+)\/signals\/ack_preemption$/, handle: acknowledge },
  { method: 'GET', path: /^\/api\/v1\/allocations\/([^/]+)\/resources\/([^/]+)\/rendezvous$/, handle: rendezvous },
  // known here from other sources, or of no use where the agent runs the container: said and done
  { method: 'POST', path: /^\/api\/v1\/allocations\/([^/]+)\/(?:acceleratorData|ready|waiting|proxy_address|notify_container_running|resources\/[^/]+\/daemon)$/, handle: settled },
]

/** Throws HttpError for what is to be refused. */
export async function route(options: RouteOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  for (const local of LOCAL) {
    const match = local.path.exec(path)
    if (!match || request.method !== local.method) continue
    const call: Call = { request, response, query: new URLSearchParams(query), ids: match.slice(1).map(decoded) }
    if ((await local.handle(options, call)) !== false) return
  }
  if (!isForwarded(path)) throw new HttpError(404, `${request.method} ${path.slice(0, 200)} is no route of the master's API`)
  return forwardPatiently(options, request, response)
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

/** Whose experiment it is: log shippers probe by this. */
function me(options: RouteOptions, call: Call): void {
  const { id, name } = options.spec.harness?.owner ?? { id: 0, name: options.spec.user.name }
  answerJson(call.response, 200, { user: { id, username: name, displayName: '', admin: false, active: true, remote: false, agentUserGroup: null, modifiedAt: null } })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new HttpError(400, 'the path holds a % that does not start an escape', { cause })
  }
}
