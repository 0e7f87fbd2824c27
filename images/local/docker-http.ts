import { request, type RequestOptions } from 'node:http'
import type { Readable } from 'node:stream'

/** The few calls to a Docker Engine that the local cluster makes itself; no `docker` program is needed. */
export interface DockerReply {
  status: number
  body: string
}

export interface DockerCall {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  query?: Record<string, string | readonly string[]>
  /** a tar */
  body?: Readable
  signal?: AbortSignal
}

/** `dockerHost` is unix:///path, tcp://host:port or http://host:port. Throws when the engine cannot be reached. */
export function callDocker(dockerHost: string, call: DockerCall): Promise<DockerReply> {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(call.query ?? {})) for (const one of typeof value === 'string' ? [value] : value) parameters.append(key, one)
  const options: RequestOptions = {
    ...addressOf(dockerHost), method: call.method, path: `${call.path}?${parameters.toString()}`, agent: false,
    headers: { host: 'docker', ...(call.body ? { 'content-type': 'application/x-tar', 'transfer-encoding': 'chunked' } : {}) },
    ...(call.signal ? { signal: call.signal } : {}),
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
    })
    sent.once('error', reject)
    if (!call.body) return void sent.end()
    call.body.once('error', reject)
    call.body.pipe(sent)
  })
}

function addressOf(dockerHost: string): RequestOptions {
  const url = new URL(dockerHost)
  if (url.protocol === 'unix:') return { socketPath: url.pathname }
  if (url.protocol === 'tcp:' || url.protocol === 'http:') return { host: url.hostname, port: url.port || '2375' }
  throw new Error(`DOCKER_HOST ${dockerHost}: give unix:///path or tcp://host:port`)
}

export async function answersPing(dockerHost: string): Promise<boolean> {
  return (await callDocker(dockerHost, { method: 'GET', path: '/_ping' })).status === 200
}

/** Removes the containers that carry the agent's label, then the networks that they stood in, and only them. */
export async function removeContainers(dockerHost: string, agentId: string): Promise<void> {
  for (const label of [`drover.agent=${agentId}`, `drover.sandbox=${agentId}`]) await removeLabelled(dockerHost, label)
}

async function removeLabelled(dockerHost: string, label: string): Promise<void> {
  const query = { all: '1', filters: JSON.stringify({ label: [label] }) }
  const list = await callDocker(dockerHost, { method: 'GET', path: '/containers/json', query })
  if (list.status !== 200) throw new Error(`the Docker Engine did not list its containers: ${list.status} ${list.body.slice(0, 200)}`)
  for (const { Id } of JSON.parse(list.body) as { Id: string }[]) {
    const gone = await callDocker(dockerHost, { method: 'DELETE', path: `/containers/${Id}`, query: { force: '1', v: '1' } })
    // 404: gone already; 409: being removed by another
    if (![204, 404, 409].includes(gone.status)) throw new Error(`container ${Id.slice(0, 12)} could not be removed: ${gone.status} ${gone.body.slice(0, 200)}`)
  }
}
