import { createHash } from 'node:crypto'
import { Agent, request, type RequestOptions } from 'node:https'
import type { TLSSocket } from 'node:tls'

/** The master refused, with its status and words; a network error stays as it is. */
export class MasterRefused extends Error {
  override readonly name = 'MasterRefused'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const DEADLINE_MS = 30_000

/** The agent's one HTTPS connection to its master; every call verifies against the pinned CA. */
export interface MasterHttp {
  json(method: 'GET' | 'POST', path: string, body: unknown, bearer: string | null): Promise<unknown>
  /** Whole body, at most `maxBytes`. */
  bytes(path: string, bearer: string, maxBytes: number): Promise<Buffer>
}

export function openMasterHttp(masterUrl: string, ca: string): MasterHttp {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 8 })
  const call = (method: string, path: string, body: unknown, bearer: string | null, maxBytes: number): Promise<Buffer> =>
    send(new URL(masterUrl + path), { method, agent, headers: { ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), 'content-type': 'application/json' } }, body === undefined ? null : JSON.stringify(body), maxBytes)
  return {
    json: async (method, path, body, bearer) => JSON.parse((await call(method, path, body, bearer, 4 << 20)).toString('utf8')) as unknown,
    bytes: (path, bearer, maxBytes) => call('GET', path, undefined, bearer, maxBytes),
  }
}

/** Fetches the CA without trusting the connection and accepts it only by the fingerprint of the join token. */
export async function fetchPinnedCa(masterUrl: string, fingerprint: string): Promise<string> {
  const pem = (await send(new URL(`${masterUrl}/agent/v1/ca`), { method: 'GET', rejectUnauthorized: false }, null, 1 << 20)).toString('utf8')
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const found = createHash('sha256').update(der).digest('hex')
  if (found !== fingerprint) throw new MasterRefused(495, `the master at ${masterUrl} shows a CA with SHA-256 ${found}, the join token names ${fingerprint}: this is not the master the token is for`)
  return pem
}

function send(url: URL, options: RequestOptions, body: string | null, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, timeout: DEADLINE_MS }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) call.destroy(new Error(`${url.pathname} answered with more than ${maxBytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) resolve(bytes)
        else reject(new MasterRefused(status, `${url.pathname}: ${status} ${wordsOf(bytes)}`))
      })
    })
    call.on('timeout', () => call.destroy(new Error(`${url.pathname}: no answer within ${DEADLINE_MS / 1000} s`)))
    call.on('error', reject)
    call.on('socket', (socket) => (socket as TLSSocket).setKeepAlive(true, 15_000))
    call.end(body ?? undefined)
  })
}

function wordsOf(bytes: Buffer): string {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as { message?: unknown }
    if (typeof value.message === 'string') return value.message
  } catch {
    return bytes.toString('utf8', 0, 500)
  }
  return bytes.toString('utf8', 0, 500)
}
