import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Server as NetServer } from 'node:net'
import type { Log } from '../../protocol/kit/log.ts'
import { HttpError, answerError } from './answer.ts'
import type { RouteOptions } from './call.ts'
import { route } from './routes.ts'

/** Port on the container's own loopback; `DET_MASTER` names it. */
export const GATEWAY_PORT = 18_080

export interface Gateway {
  close(): Promise<void>
}

/** Serves the master's API to one container on a socket that already listens. Waiting polls end when it closes. */
export function serveGateway(listening: NetServer, options: Omit<RouteOptions, 'signal'> & { log: Log }): Gateway {
  const closing = new AbortController()
  const server = createServer({ headersTimeout: 30_000, requestTimeout: 300_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 10_000 }, (request, response) => {
    void answer({ ...options, signal: closing.signal }, options.log, request, response)
  })
  server.maxConnections = 512
  server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n'))
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  })
  server.listen(listening)
  return {
    close() {
      closing.abort()
      return closed(server)
    },
  }
}

async function answer(options: RouteOptions, log: Log, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await route(options, request, response)
  } catch (error) {
    if (error instanceof HttpError) return answerError(response, error)
    if (request.destroyed && !response.headersSent) return // the caller went away amid its body
    log.error({ err: error, method: request.method }, 'gateway could not answer a request')
    answerError(response, new HttpError(500, 'the agent failed to answer; see its log'))
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
