import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { sendFault } from '../answer-errors.ts'
import { ApiFault } from '../errors.ts'

/** The built WebUI at /ui/; a path that is no file is a page of the application. */
export async function uiRoutes(app: FastifyInstance, webDir: string | null): Promise<void> {
  for (const path of ['/', '/det', '/det/*', '/ui']) app.get(path, { config: { access: 'public' } }, (_request, reply) => reply.redirect('/ui/', 302))
  if (webDir === null) {
    app.get('/ui/*', { config: { access: 'public' } }, (_request, reply) => sendFault(reply, new ApiFault(404, 'this master was started without the WebUI: build it (npm run build) and start again')))
    return
  }
  await app.register(async (scope) => {
    await scope.register(fastifyStatic, {
      root: webDir, prefix: '/', serve: false, decorateReply: true, dotfiles: 'ignore', index: false, cacheControl: false,
    })
    scope.get<{ Params: { '*': string } }>('/*', { config: { access: 'public' } }, async (request, reply) => {
      const name = request.params['*']
      const isAsset = name.startsWith('assets/')
      const isFile = isAsset || /\.[A-Za-z0-9]{1,8}$/.test(name)
      // names of assets carry a hash of their content
      return reply.header('cache-control', isAsset ? 'public, max-age=31536000, immutable' : 'no-cache').sendFile(isFile ? name : 'index.html')
    })
  }, { prefix: '/ui' })
}
