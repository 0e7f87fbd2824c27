import type { FastifyRequest } from 'fastify'
import { ApiFault } from '../errors.ts'

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** True unless a browser says that the request comes from a page of another origin. */
export function isSameOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

/** A request that changes something and rests on the cookie must come from our own page (same Origin) or a script that can set a header. */
export function refuseForgery(request: FastifyRequest): void {
  if (READS.has(request.method)) return
  const proven = request.headers['x-drover'] === '1' || request.headers.origin !== undefined
  if (proven && isSameOrigin(request)) return
  throw new ApiFault(403, 'this request was refused because it may come from another site: send the header x-drover: 1 from the same origin, or use a bearer token')
}
