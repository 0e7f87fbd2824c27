import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { DETERMINED_VERSION, DROVER_VERSION } from '../../protocol/wire/version.ts'

/** What is no REST: pages, files of the WebUI, the WebSocket. */
const NOT_DESCRIBED = /^\/(ui|det)(\/|$)|^\/$|^\/docs\/|^\/graphiql$|^\/api\/v1\/drover\/live$/

const ERROR = {
  description: 'refused, or failed; the message names the field and the cure',
  content: { 'application/json': { schema: { type: 'object', required: ['message', 'error'], properties: { message: { type: 'string' }, error: { type: 'object', properties: { code: { type: 'integer' }, reason: { type: 'string' }, error: { type: 'string' } } } } } } },
} as const

/** Answers that are not one JSON document. */
const ANSWERS: readonly (readonly [RegExp, string, string])[] = [
  [/\/logs(\/fields)?$|\/trials-(sample|snapshot)$|\/metrics-names$/, 'application/x-ndjson', 'one {"result": ...} a line, to the end or for as long as it is followed'],
  [/^\/checkpoints\//, 'application/octet-stream', 'an archive, in the form that Accept or ?format= names'],
  [/\/files\//, 'application/octet-stream', 'the bytes of the file'],
  [/schema\.graphql$/, 'text/plain', 'GraphQL schema language'],
]

/**
 * OpenAPI 3.1 of every REST route, from the schemas that its requests are checked by. Registered before the routes; the document is made when it
 * is asked for. At /docs/api/openapi.json; the page that shows it is /ui/api.
 */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Drover', version: DROVER_VERSION, description: `Routes below /api/v1 are those of Determined ${DETERMINED_VERSION}; Drover's own stand below /api/v1/drover.` },
      components: { securitySchemes: { session: { type: 'http', scheme: 'bearer', description: 'the token of POST /api/v1/auth/login' }, cookie: { type: 'apiKey', in: 'cookie', name: 'auth' } } },
      security: [{ session: [] }, { cookie: [] }],
    },
    transform: ({ schema, url, route }) => ({ url, schema: NOT_DESCRIBED.test(url) ? { ...schema, hide: true } : { ...plain(schema), ...words(url, route) } as FastifySchema }),
  })
  app.get('/docs/api', { config: { access: 'public' } }, (_request, reply) => reply.redirect('/ui/api', 302))
  let text: string | null = null
  app.get('/docs/api/openapi.json', { config: { access: 'public' } }, (_request, reply) => reply.type('application/json').send((text ??= JSON.stringify(app.swagger()))))
}

/** TypeBox marks its schemas with words of its own, which are no JSON Schema. */
function plain(schema: FastifySchema | undefined): FastifySchema {
  return JSON.parse(JSON.stringify(schema ?? {})) as FastifySchema
}

function words(url: string, route: RouteOptions): object {
  const method = String(route.method).toLowerCase()
  const isPublic = (route.config as { access?: string } | undefined)?.access === 'public'
  const [, type = 'application/json', description = 'done'] = ANSWERS.find(([pattern]) => pattern.test(url)) ?? []
  return {
    operationId: operationOf(method, url),
    tags: [tagOf(url)],
    ...(isPublic ? { security: [] } : {}),
    response: { 200: { description, content: { [type]: { schema: type === 'application/json' ? {} : { type: 'string' } } } }, default: ERROR },
  }
}

/** `getExperimentsById`; routes that are not below /api/v1 say so. */
function operationOf(method: string, url: string): string {
  const path = url.startsWith('/api/v1/') ? url.slice('/api/v1'.length) : `/raw${url}`
  return `${method}${path.replaceAll(':', 'by-').replaceAll('*', 'path').replace(/[^A-Za-z0-9]+(.)?/g, (_, letter: string | undefined) => (letter ?? '').toUpperCase())}`
}

function tagOf(url: string): string {
  const parts = url.split('/').filter((part) => part !== '' && !part.startsWith(':'))
  if (parts[0] !== 'api') return parts[0] ?? 'master'
  return parts[2] === 'drover' ? `drover ${parts[3] ?? ''}`.trim() : (parts[2] ?? 'master')
}
