import { X509Certificate } from 'node:crypto'
import { Agent, request, type RequestOptions } from 'node:https'

/** The master answered with a refusal; `status` is HTTP's. A network error stays as it is. */
export class MasterRefused extends Error {
  override readonly name = 'MasterRefused'
  readonly status: number
  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.status = status
  }
}

const SILENCE_MS = 30_000
const JSON_BYTES_MAX = 4 << 20

/** The agent's HTTPS calls to its master; every one verifies against the pinned CA. */
export interface MasterHttp {
  /** Rejects with MasterRefused on any status but 2xx. */
  json(method: 'GET' | 'POST', path: string, body: unknown, bearer: string | null): Promise<unknown>
  /** Whole body, at most `maxBytes`; aborts with `signal`. */
  bytes(path: string, bearer: string, maxBytes: number, signal: AbortSignal): Promise<Buffer>
  close(): void
}

export function openMasterHttp(masterUrl: string, ca: string): MasterHttp {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 8, timeout: SILENCE_MS })
  return {
    json: async (method, path, body, bearer) => {
      const text = body === undefined ? null : JSON.stringify(body)
      const bytes = await send(new URL(masterUrl + path), { method, agent, headers: { ...authorization(bearer), 'content-type': 'application/json' } }, text, JSON_BYTES_MAX)
      return JSON.parse(bytes.toString('utf8')) as unknown
    },
    bytes: (path, bearer, maxBytes, signal) => send(new URL(masterUrl + path), { method: 'GET', agent, headers: authorization(bearer), signal }, null, maxBytes),
    close: () => agent.destroy(),
  }
}

/**
 * Fetches the master's CA over a connection that proves nothing, and takes it only where the SHA-256 of its DER is the
 * one of the join token. Returns PEM. Rejects with MasterRefused where it is another.
 */
export async function fetchPinnedCa(masterUrl: string, fingerprint: string): Promise<string> {
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: false })
  const bytes = await send(new URL(`${masterUrl}/agent/v1/ca`), { method: 'GET', agent }, null, JSON_BYTES_MAX)
  const found = certificateOf(bytes, masterUrl)
  const digest = found.fingerprint256.replaceAll(':', '').toLowerCase()
  if (digest === fingerprint) return found.toString()
  throw new MasterRefused(495, `the master at ${masterUrl} shows a CA with SHA-256 ${digest}, the join token names ${fingerprint}: either DROVER_MASTER_URL or DROVER_JOIN_TOKEN belongs to another master`)
}

function certificateOf(bytes: Buffer, masterUrl: string): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (error) {
    throw new MasterRefused(495, `what answers at ${masterUrl}/agent/v1/ca is no certificate: is DROVER_MASTER_URL the master's address for agents (agent_url)?`, error)
  }
}

function authorization(bearer: string | null): Record<string, string> {
  return bearer === null ? {} : { authorization: `Bearer ${bearer}` }
}

function send(url: URL, options: RequestOptions, body: string | null, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, timeout: SILENCE_MS }, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= maxBytes) return void chunks.push(chunk)
        // rejected here: an error given to destroy() has no listener left once the whole answer is in
        reject(new Error(`${url.pathname} answered with more than ${maxBytes} bytes`))
        call.destroy()
      })
      response.on('error', reject)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (!response.complete) return reject(new Error(`${url.pathname}: the answer was cut`))
        if (status >= 200 && status < 300) return resolve(Buffer.concat(chunks))
        reject(new MasterRefused(status, wordsOf(Buffer.concat(chunks)) || `the master answered ${url.pathname} with status ${status}`))
      })
    })
    call.on('timeout', () => call.destroy(new Error(`${url.pathname}: the master was silent for ${SILENCE_MS / 1000} s`)))
    call.on('error', reject)
    call.end(body ?? undefined)
  })
}

/** The sentence of an error answer: `{error: {reason}}`, `{message}`, or the text itself. */
function wordsOf(bytes: Buffer): string {
  const text = bytes.toString('utf8', 0, 2_000)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text.trim() // not JSON: a proxy's page, say; its words are the best there is
  }
  return sentenceIn(value) ?? text.trim()
}

function sentenceIn(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return null
  const { message, reason, error } = value as { message?: unknown; reason?: unknown; error?: unknown }
  return sentenceIn(message) ?? sentenceIn(reason) ?? sentenceIn(error)
}
