import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { until } from './processes.ts'

/** Speaks to a master as its users' programs do: HTTP only. */
export interface Client {
  url: string
  token: string
  get<T = Json>(path: string): Promise<T>
  post<T = Json>(path: string, body?: unknown): Promise<T>
  raw(path: string, init?: RequestInit): Promise<Response>
}
export type Json = Record<string, never> & { [key: string]: Json } & Json[] & string & number
type Loose = { [key: string]: unknown }

const SALT = 'GubPEmmotfiK9TMD6Zdw'

export async function login(url: string, username: string, password: string): Promise<Client> {
  const hashed = createHash('sha512').update(SALT + password).digest('hex')
  const response = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password: hashed, isHashed: true }) })
  const body = (await response.json()) as { token?: string }
  if (!response.ok || !body.token) throw new Error(`login failed: ${response.status} ${JSON.stringify(body)}`)
  return clientWith(url, body.token)
}

export function clientWith(url: string, token: string): Client {
  const raw = (path: string, init: RequestInit = {}): Promise<Response> => fetch(url + path, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) } })
  const call = async <T>(path: string, init: RequestInit): Promise<T> => {
    const response = await raw(path, init)
    const text = await response.text()
    if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }
  return {
    url,
    token,
    raw,
    get: (path) => call(path, {}),
    post: (path, body) => call(path, { method: 'POST', body: JSON.stringify(body ?? {}) }),
  }
}

/** gzipped tar of the files, base64. */
export async function contextOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o644 }, Buffer.from(content))
  tar.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return gzipSync(Buffer.concat(chunks)).toString('base64')
}

export async function submit(client: Client, config: Loose, files: Record<string, string | Uint8Array>): Promise<number> {
  const reply = await client.post<{ experiment: { id: number } }>('/api/v1/experiments', { config: JSON.stringify(config), contextTgz: await contextOf(files), activate: true })
  return reply.experiment.id
}

export interface Trial {
  id: number
  taskId: string
  state: string
  restarts: number
}

export async function onlyTrial(client: Client, experiment: number): Promise<Trial> {
  const { trials } = await client.get<{ trials: Trial[] }>(`/api/v1/experiments/${experiment}/trials`)
  const trial = trials[0]
  if (!trial) throw new Error(`experiment ${experiment} has no trial`)
  return trial
}

export async function stateOf(client: Client, experiment: number): Promise<string> {
  const reply = await client.get<{ experiment: { state: string } }>(`/api/v1/experiments/${experiment}`)
  return reply.experiment.state.replace('STATE_', '')
}

/** Waits for the end and expects it to be `state`. */
export async function ends(client: Client, experiment: number, state: string, ms = 120_000): Promise<void> {
  await until(`experiment ${experiment} ends`, ms, async () => ['COMPLETED', 'CANCELED', 'ERROR'].includes(await stateOf(client, experiment)), 200)
  const found = await stateOf(client, experiment)
  if (found !== state) {
    const log = (await logLines(client, experiment)).slice(-20)
    throw new Error(`experiment ${experiment} is ${found}, not ${state}; its last lines:\n${log.join('\n')}`)
  }
}

export async function logLines(client: Client, experiment: number): Promise<string[]> {
  const trial = await onlyTrial(client, experiment)
  const response = await client.raw(`/api/v1/trials/${trial.id}/logs?limit=100000`)
  const text = await response.text()
  return text.split('\n').filter((line) => line !== '').map((line) => ((JSON.parse(line) as { result: { message: string; log?: string } }).result.log ?? (JSON.parse(line) as { result: { message: string } }).result.message).replace(/\n$/, ''))
}
