import '@fastify/cookie'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { findCheckpointOwner } from '../../store/queries/checkpoints.ts'
import { findAllocationToken } from '../../store/queries/sessions.ts'
import { hashToken } from '../../store/secrets.ts'
import type { Db } from '../../store/db.ts'
import { ApiFault } from '../errors.ts'
import type { AllocationCaller, Caller, ContainerAccess, UserCaller } from './caller.ts'
import { refuseForgery } from './same-origin.ts'
import type { Sessions } from './sessions.ts'
import { meantTask } from '../shapes/task-ids.ts'

export const COOKIE = 'auth'
/** logging out, and whatever is changed of a user */
const CHANGES_SESSIONS = /^\/api\/v1\/(auth|users)(\/|$)/
const UNAUTHENTICATED = 'not logged in, or the session has ended: log in again (drover login, or det user login)'

/** Runs before the body is read: whoever may not call costs nothing. */
export function guardRoutes(app: FastifyInstance, db: Db, sessions: Sessions): void {
  app.decorateRequest('caller', null)
  // before the answer goes out: who has read it finds the change
  app.addHook('onSend', async (request, _reply, payload) => {
    if (request.method !== 'GET' && CHANGES_SESSIONS.test(request.routeOptions.url ?? '')) sessions.forget()
    return payload
  })
  app.addHook('onRequest', async (request) => {
    const { access = 'user', container } = request.routeOptions.config
    if (request.is404 || access === 'public') return
    const caller = await findCaller(request, db, sessions)
    if (caller === null) throw new ApiFault(401, UNAUTHENTICATED)
    if (caller.kind === 'allocation') await checkContainer(db, caller, container, request)
    else if (access === 'admin' && !caller.admin) throw new ApiFault(403, `user ${caller.username} is no administrator: ask one to do this`)
    request.caller = caller
  })
}

/** The user that the guard let in. */
export function userOf(request: FastifyRequest): UserCaller {
  if (request.caller?.kind === 'user') return request.caller
  throw new ApiFault(403, 'a training container may not do this: use the session of a user')
}

export async function findCaller(request: FastifyRequest, db: Db, sessions: Sessions): Promise<Caller | null> {
  const bearer = bearerOf(request.headers.authorization) ?? bearerOf(request.headers['grpc-metadata-x-allocation-token'])
  const cookie = bearer === null ? request.cookies[COOKIE] : undefined
  const token = bearer ?? cookie
  if (token === undefined || token === '' || token.length > 512) return null
  const known = await sessions.find(token)
  if (known) {
    if (cookie !== undefined) refuseForgery(request)
    return { kind: 'user', ...known.session, tokenHash: known.hash }
  }
  const allocation = await findAllocationToken(db, hashToken(token))
  return allocation ? { kind: 'allocation', ...allocation } : null
}

function bearerOf(header: string | string[] | undefined): string | null {
  const text = Array.isArray(header) ? header[0] : header
  return /^Bearer +(\S+)\s*$/i.exec(text ?? '')?.[1] ?? null
}

async function checkContainer(db: Db, caller: AllocationCaller, access: ContainerAccess | undefined, request: FastifyRequest): Promise<void> {
  if (access !== undefined && await isOwn(db, caller, access, request.params)) return
  throw new ApiFault(403, `the container of ${caller.allocationId} may not call this route: it may read its own trial, experiment, task and checkpoints only`)
}

async function isOwn(db: Db, caller: AllocationCaller, access: ContainerAccess, params: unknown): Promise<boolean> {
  const id = typeof params === 'object' && params !== null && 'id' in params ? String(params.id) : ''
  switch (access) {
    case 'self':
      return true
    case 'trial':
      return id === String(caller.trialId)
    case 'experiment':
      return id === String(caller.experimentId)
    case 'task':
      return meantTask(id).id === caller.taskId
    case 'allocation':
      return id === caller.allocationId
    case 'checkpoint':
      return caller.experimentId !== null && await findCheckpointOwner(db, id) === caller.experimentId
  }
}
