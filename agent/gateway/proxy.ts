import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** Longest silence on a proxied request: rendezvous and other long-polls of the harness wait for minutes. */
const SILENCE_MS = 15 * 60_000
/** Of one hop only (RFC 9110 7.6.1), or the caller's credentials, which never leave the container. */
const DROPPED = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'host', 'authorization', 'cookie', 'grpc-metadata-x-allocation-token', 'expect', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto',
])

/** The master gave no answer. */
export class UnreachedError extends Error {
  override readonly name = 'UnreachedError'
  /** it may have had the call all the same */
  readonly maybeDone: boolean
  constructor(message: string, maybeDone: boolean, options?: ErrorOptions) {
    super(message, options)
    this.maybeDone = maybeDone
  }
}

export interface Proxy {
  /** Sends the request on to the master, with its body read before, and its answer back. Throws UnreachedError while the master is away. */
  forward(request: IncomingMessage, response: ServerResponse, sent: { bearer: string; body: Buffer }): Promise<void>
  close(): void
}

/** No connection was made, so nothing was asked. */
const NOT_ASKED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
/** A proxy or a master that starts says these; the call was not carried out. */
const AWAY = new Set([502, 503, 504])

/** A door to the master's HTTPS listener for agents, which must show a certificate of `ca`. */
export function createProxy(masterUrl: string, ca: string): Proxy {
  const base = new URL(masterUrl)
  const isTls = base.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ ca, keepAlive: true, maxSockets: 64 }) : new HttpAgent({ keepAlive: true, maxSockets: 64 })
  const send = isTls ? httpsRequest : httpRequest
  return {
    forward(incoming, outgoing, { bearer, body }) {
      return new Promise((resolve, reject) => {
        const headers = { ...passed(incoming.headers), 'content-length': String(body.length), authorization: `Bearer ${bearer}` }
        const upstream = send(new URL(incoming.url ?? '/', base), { method: incoming.method ?? 'GET', agent, headers, timeout: SILENCE_MS }, (answer) => {
          if (AWAY.has(answer.statusCode ?? 0)) {
            answer.resume()
            return reject(new UnreachedError(`the master answers ${answer.statusCode}`, false))
          }
          outgoing.writeHead(answer.statusCode ?? 502, passed(answer.headers))
          answer.on('error', () => outgoing.destroy())
          answer.pipe(outgoing)
          outgoing.on('close', () => {
            answer.destroy()
            resolve()
          })
        })
        upstream.on('timeout', () => upstream.destroy(new Error('no answer for 15 minutes')))
        upstream.on('error', (cause) => {
          if (outgoing.headersSent) return void outgoing.destroy()
          reject(new UnreachedError(`the master cannot be reached now (${cause.message})`, !('code' in cause && NOT_ASKED.has(String(cause.code))), { cause }))
        })
        outgoing.on('close', () => {
          if (!outgoing.writableFinished) upstream.destroy()
        })
        upstream.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}

function passed(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DROPPED.has(name)))
}
