import type { FastifyInstance } from 'fastify'
import websocket from '@fastify/websocket'
import Type from 'typebox'
import { spendTicket, findSession } from '../../store/queries/sessions.ts'
import { findUser } from '../../store/queries/users.ts'
import { findCaller } from '../auth/guard.ts'
import { isSameOrigin } from '../auth/same-origin.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import type { ChangeHub } from '../live/change-hub.ts'
import { serveSocket } from '../live/serve-socket.ts'

const FRAME_BYTES_MAX = 64 * 1024
const Query = Type.Object({ ticket: Type.Optional(Type.String({ maxLength: 256 })) })

declare module 'fastify' {
  interface FastifyRequest {
    /** how a live socket asks again whether its session lives */
    liveAllowed: (() => Promise<boolean>) | null
  }
}

/** ws at /api/v1/drover/live, by the cookie, a bearer token or `?ticket=`; from our own pages and from programs only. */
export async function liveRoute(app: FastifyInstance, deps: ApiDeps, sessions: Sessions, hub: ChangeHub, stopping: AbortSignal): Promise<void> {
  await app.register(websocket, { options: { maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false } })
  app.decorateRequest('liveAllowed', null)
  await app.register(async (scope) => {
    // the guard lets it pass as public: a ticket is spent here, before the upgrade is answered
    scope.addHook('onRequest', async (request) => {
      if (!isSameOrigin(request)) throw new ApiFault(403, 'a page of another site may not open the live feed')
      const { ticket } = request.query as { ticket?: unknown }
      if (typeof ticket === 'string') {
        const user = await spendTicket(deps.db, ticket)
        if (!user) throw new ApiFault(401, 'the ticket is spent or too old: fetch a new one from /api/v1/drover/ticket')
        request.liveAllowed = async () => (await findUser(deps.db, user.userId))?.active ?? false
        return
      }
      const caller = await findCaller(request, deps.db, sessions)
      if (caller?.kind !== 'user') throw new ApiFault(401, 'not logged in: send the session cookie, a bearer token, or ?ticket= from /api/v1/drover/ticket')
      request.liveAllowed = async () => await findSession(deps.db, caller.tokenHash) !== null
    })
    scope.get('/api/v1/drover/live', { websocket: true, config: { access: 'public' }, schema: { querystring: Query } }, (socket, request) => {
      const isStillAllowed = request.liveAllowed
      if (!isStillAllowed) return socket.terminate()
      serveSocket(socket, { db: deps.db, clock: deps.clock, random: deps.random, log: deps.log, hub, stopping, isStillAllowed })
    })
  })
}
