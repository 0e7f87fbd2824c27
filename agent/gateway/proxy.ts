import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { HttpError } from './answer.ts'

/** Longest silence on a proxied request: rendezvous and other long-polls of the harness wait for minutes. */
const SILENCE_MS = 15 * 60_000
const RETRY_AFTER_SECONDS = 5
/** Of one hop only (RFC 9110 7.6.1), or the caller's credentials, which never leave the container. */
const DROPPED = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'host', 'authorization', 'cookie', 'grpc-metadata-x-allocation-token', 'expect', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto',
])

export interface Proxy {
  /** Sends the request on to the master and its answer back. Throws HttpError 503 while the master cannot be reached. */
  forward(request: IncomingMessage, response: ServerResponse, bearer: string): Promise<void>
  close(): void
}

/** A door to the master's HTTPS listener for agents, which must show a certificate of `ca`. */
export function createProxy(masterUrl: string, ca: string): Proxy {
  const base = new URL(masterUrl)
  const isTls = base.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ ca, keepAlive: true, maxSockets: 64 }) : new HttpAgent({ keepAlive: true, maxSockets: 64 })
  const send = isTls ? httpsRequest : httpRequest
  return {
    forward(incoming, outgoing, bearer) {
      return new Promise((resolve, reject) => {
        const upstream = send(new URL(incoming.url ?? '/', base), { method: incoming.method ?? 'GET', agent, headers: { ...passed(incoming.headers), authorization: `Bearer ${bearer}` }, timeout: SILENCE_MS }, (answer) => {
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
          reject(new HttpError(503, `the master cannot be reached now (${cause.message}); the run goes on, try again`, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause }))
        })
        outgoing.on('close', () => {
          if (!outgoing.writableFinished) upstream.destroy()
        })
        incoming.pipe(upstream)
      })
    },
    close: () => agent.destroy(),
  }
}

function passed(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DROPPED.has(name)))
}
