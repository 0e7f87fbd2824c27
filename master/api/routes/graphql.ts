import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { NoReader } from '../../graphql/reader.ts'
import type { GraphqlAnswer } from '../../graphql/door.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'

const BODY_BYTES_MAX = 128 * 1024
const Body = Type.Object({
  query: Type.String(),
  variables: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
  operationName: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])),
}, { description: 'GraphQL over HTTP: answers 200 with data and errors, 400 where the query was refused before it was carried out' })

/** GraphQL over the public model, for people; read only. The schema is at /graphql/schema.graphql, the page at /ui/graphql. */
export function graphqlRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.post<{ Body: Type.Static<typeof Body> }>('/graphql', {
    bodyLimit: BODY_BYTES_MAX, schema: { body: Body },
    preValidation: async (request) => {
      userOf(request)
      // what a page of another site can send without asking is no JSON
      if (!/^application\/(json|graphql-response\+json)\b/.test(request.headers['content-type'] ?? '')) throw new ApiFault(415, 'content-type: send application/json with {"query": "..."}')
      if (Array.isArray(request.body)) throw new ApiFault(400, 'body: a list of queries was sent; send them one by one')
    },
  }, async (request, reply) => {
    const { query, variables, operationName } = request.body
    const answer = await opened(() => deps.graphql.answer({ query, variables: variables ?? {}, operationName: operationName ?? null }))
    // `message` as every fault of this API has it
    return isRefused(answer) ? reply.code(400).send({ ...answer, message: answer.errors?.[0]?.message ?? '' }) : answer
  })

  app.get('/graphql', () => { throw new ApiFault(405, 'GraphQL is asked by POST, with {"query": "..."}; the page to try it is /ui/graphql') })

  // where other servers have the page
  for (const url of ['/graphiql', '/docs/graphql']) app.get(url, { config: { access: 'public' } }, (_request, reply) => reply.redirect('/ui/graphql', 302))

  app.get('/graphql/schema.graphql', async (request, reply) => {
    userOf(request)
    return reply.type('text/plain; charset=utf-8').send(await opened(() => deps.graphql.sdl()))
  })
}

function isRefused(answer: GraphqlAnswer): boolean {
  return answer.errors !== undefined && !('data' in answer)
}

async function opened<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof NoReader) throw new ApiFault(503, error.message, { cause: error })
    throw error
  }
}
