import { createServer } from 'node:https'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { EnrollRequest, type EnrollReply, type RenewReply } from '../../protocol/wire/enroll.ts'
import type { Authority, ServerIdentity } from '../identity/authority.ts'
import type { NatsKeys } from '../identity/nats-keys.ts'
import { agentJwt } from '../identity/nats-users.ts'
import { checker } from '../intake/validate.ts'
import { blobSize, mayRead, readBlob } from '../store/blobs.ts'
import type { Db } from '../store/db.ts'
import { isTransient } from '../store/failures.ts'
import { agentOf } from './bearer.ts'
import { enrollAgent } from './enroll.ts'

export interface AgentApiDeps {
  db: Db
  log: Log
  clock: Clock
  clusterId: string
  pools: readonly string[]
  natsUrls: readonly string[]
  natsKeys: NatsKeys
  authority: Authority
  server: ServerIdentity
  /** the people's API, for what a container asks through its gateway */
  forward: (request: IncomingMessage, response: ServerResponse) => void
  /** an agent enrolled */
  onEnrolled: () => void
}

const BODY_MAX = 64 * 1024
const checkEnroll = checker(EnrollRequest)

/** The one HTTPS listener for agents: enrolment, renewal, blobs by digest; containers' calls go on to the API. */
export async function createAgentApi(deps: AgentApiDeps): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false, bodyLimit: BODY_MAX, requestTimeout: 60_000,
    serverFactory: (handler) => createServer({ key: deps.server.key, cert: deps.server.cert, minVersion: 'TLSv1.2' }, routed(handler, deps.forward)),
  })
  app.setErrorHandler((error, request, reply) => {
    const status = isTransient(error) ? 503 : error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
    if (status >= 500) deps.log.error({ err: error, url: request.url }, 'a request of an agent failed')
    const text = error instanceof Error && status < 500 ? error.message : 'the master could not do it, try again'
    return refuse(reply, status, text)
  })
  app.setNotFoundHandler((request, reply) => refuse(reply, 404, `there is no ${request.method} ${request.url.slice(0, 200)}`))
  app.get('/agent/v1/ca', (_request, reply) => reply.type('application/x-pem-file').send(deps.authority.cert))
  app.post('/agent/v1/enroll', (request, reply) => enroll(deps, request, reply))
  app.post('/agent/v1/renew', (request, reply) => renew(deps, request, reply))
  app.get<{ Params: { digest: string } }>('/agent/v1/blobs/:digest', (request, reply) => sendBlob(deps, request.params.digest, request, reply))
  await app.ready()
  return app
}

function routed(handler: RequestListener, forward: AgentApiDeps['forward']): RequestListener {
  return (request, response) => {
    const path = request.url ?? ''
    const forContainers = path.startsWith('/api/v1/') || path === '/info' || path.startsWith('/info?')
    return forContainers ? forward(request, response) : handler(request, response)
  }
}

async function enroll(deps: AgentApiDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = checkEnroll(request.body)
  if (!body.ok) return refuse(reply, 422, `the enrolment is malformed: ${body.error}`)
  const result = await enrollAgent(deps.db, body.value, deps.pools)
  if (!result.ok) {
    deps.log.warn({ agent: body.value.agentId, status: result.status, reason: result.error }, 'an enrolment was refused')
    return refuse(reply, result.status, result.error)
  }
  deps.log.info({ agent: body.value.agentId, pool: body.value.pool }, 'an agent enrolled')
  deps.onEnrolled()
  const jwt = await agentJwt(deps.natsKeys, body.value.agentId, body.value.publicKey, deps.clock.wallMs())
  const answer: EnrollReply = { v: 1, agentId: body.value.agentId, clusterId: deps.clusterId, jwt, natsUrls: [...deps.natsUrls], agentToken: result.agentToken }
  return reply.send(answer)
}

async function renew(deps: AgentApiDeps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const agent = await agentOf(deps.db, request.headers)
  if (!agent) return unauthorized(reply)
  const answer: RenewReply = { v: 1, jwt: await agentJwt(deps.natsKeys, agent.id, agent.publicKey, deps.clock.wallMs()), natsUrls: [...deps.natsUrls] }
  return reply.send(answer)
}

async function sendBlob(deps: AgentApiDeps, digest: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const agent = await agentOf(deps.db, request.headers)
  if (!agent) return unauthorized(reply)
  const size = /^[0-9a-f]{64}$/.test(digest) && (await mayRead(deps.db, agent.id, digest)) ? await blobSize(deps.db, digest) : null
  if (size === null) return refuse(reply, 404, `there is no blob ${digest.slice(0, 64)} for agent ${agent.id}`)
  return reply.type('application/octet-stream').header('content-length', size).send(Readable.from(readBlob(deps.db, digest, size), { objectMode: false }))
}

function unauthorized(reply: FastifyReply): FastifyReply {
  return refuse(reply, 401, 'the agent token is not valid: enrol again')
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ message: error })
}
