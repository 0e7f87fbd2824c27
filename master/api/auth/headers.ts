import type { FastifyInstance } from 'fastify'

/** The built WebUI runs from its own files only; its component kit writes <style> elements. */
const PAGE_POLICY = [
  "default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:", "font-src 'self' data:", "connect-src 'self'",
  "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join('; ')
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

/** On every answer, errors and streams included. */
export function setSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const isPage = request.url === '/ui' || request.url.startsWith('/ui/')
    void reply.headers({
      'content-security-policy': isPage ? PAGE_POLICY : DATA_POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    if (!isPage) void reply.header('cache-control', 'no-store')
    done()
  })
}
