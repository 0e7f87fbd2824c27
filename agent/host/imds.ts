import { request } from 'node:http'
import type { Clock } from '../../protocol/kit/clock.ts'

/** unreachable: no connection. timeout: no whole answer within the deadline. refused: a status that is neither 200 nor 404. broken: an answer that is not what EC2 writes. */
export type ImdsErrorKind = 'unreachable' | 'timeout' | 'refused' | 'broken'

export class ImdsError extends Error {
  override readonly name = 'ImdsError'
  readonly kind: ImdsErrorKind
  constructor(kind: ImdsErrorKind, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** The instance metadata service of EC2, version 2 only. */
export interface Imds {
  /** `path` below `/latest/`; null where the service has nothing there (404). Rejects with ImdsError. */
  get(path: string): Promise<string | null>
}

export const IMDS_ENDPOINT = 'http://169.254.169.254'
const DEADLINE_MS = 1_000
const TOKEN_SECONDS = 21_600
/** of a token's life; what is left is for clocks that drift */
const TOKEN_SHARE = 0.9
const BODY_MAX = 1 << 20

/** One token serves until near its end, or until the service refuses it: then one new token is asked for. */
export function openImds(options: { endpoint: string; clock: Clock }): Imds {
  let token: { value: string; until: number } | null = null
  return {
    get: async (path) => {
      const first = await read(path)
      if (first.status !== 401) return bodyOf(path, first)
      token = null
      return bodyOf(path, await read(path))
    },
  }

  async function read(path: string): Promise<Answer> {
    if (token === null || options.clock.monotonicMs() >= token.until) token = await newToken()
    return call('GET', `${options.endpoint}/latest/${path}`, { 'x-aws-ec2-metadata-token': token.value })
  }

  async function newToken(): Promise<{ value: string; until: number }> {
    const asked = options.clock.monotonicMs()
    const answer = await call('PUT', `${options.endpoint}/latest/api/token`, { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) })
    if (answer.status !== 200) throw new ImdsError('refused', `the metadata service ${options.endpoint} gives no token: HTTP ${answer.status}`)
    const value = answer.body.trim()
    // what a header may hold, and no more
    if (!/^[\x21-\x7e]{1,1024}$/.test(value)) throw new ImdsError('broken', `the metadata service ${options.endpoint} gave a token that is none`)
    return { value, until: asked + TOKEN_SECONDS * 1_000 * TOKEN_SHARE }
  }
}

interface Answer {
  status: number
  body: string
}

function bodyOf(path: string, answer: Answer): string | null {
  if (answer.status === 200) return answer.body
  if (answer.status === 404) return null
  throw new ImdsError('refused', `the metadata service answered ${path} with HTTP ${answer.status}`)
}

function call(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = (): ImdsError => new ImdsError('timeout', `the metadata service did not answer ${method} ${url} within ${DEADLINE_MS} ms`)
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > BODY_MAX) sent.destroy(new ImdsError('broken', `the metadata service answered ${url} with more than ${BODY_MAX} characters`))
      })
      response.on('error', fail)
      response.on('end', () => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, body })
      })
    })
    const timer = setTimeout(() => sent.destroy(late()), DEADLINE_MS)
    sent.on('error', fail)
    sent.end()

    function fail(error: Error): void {
      clearTimeout(timer)
      reject(error instanceof ImdsError ? error : new ImdsError('unreachable', `the metadata service cannot be reached: ${method} ${url}: ${error.message}`, error))
    }
  })
}
