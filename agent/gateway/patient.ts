import type { IncomingMessage, ServerResponse } from 'node:http'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import { HttpError, readBytes } from './answer.ts'
import type { RouteOptions } from './call.ts'
import { UnreachedError } from './proxy.ts'

/** What is kept to be sent again. */
const BODY_BYTES_MAX = 16 * 1024 * 1024
const WAIT = { baseMs: 200, capMs: 5_000, floorMs: 100 }
/** May have been done though no answer came: not sent twice. */
const ONCE = new Set(['POST'])

/**
 * Hands a call to the master, and again as long as it is away and the caller waits: one refusal would end a run that
 * can well wait for an hour. A call that may have been carried out already, and must not be twice, is told as 503.
 */
export async function forwardPatiently(options: RouteOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBytes(request, BODY_BYTES_MAX)
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const signal = AbortSignal.any([options.signal, gone.signal])
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await options.proxy.forward(request, response, { bearer: options.spec.token, body })
    } catch (error) {
      if (!(error instanceof UnreachedError)) throw error
      if (error.maybeDone && ONCE.has(request.method ?? '') && !isRepeatable(request.url ?? '')) throw new HttpError(503, `${error.message}; whether it was done is not known`, { retryAfterSeconds: 5, cause: error })
      await options.clock.sleep(backoffMs(attempt, Math.random, WAIT), signal)
      if (signal.aborted) return
    }
  }
}

/** Of what containers post, twice is as good as once. */
function isRepeatable(url: string): boolean {
  return /^\/api\/v1\/(runs\/[^/]+\/metadata|allocations\/[^/]+\/all_gather)(\?|$)/.test(url)
}
