import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { ApiLogin, ApiTicket } from '../../../protocol/wire/api.ts'
import { closeSession, openSession, openTicket } from '../../store/queries/sessions.ts'
import { findPassword, findUser } from '../../store/queries/users.ts'
import { COOKIE, userOf } from '../auth/guard.ts'
import { hashPassword, passwordMatches, presentedPassword } from '../auth/password.ts'
import { isSameOrigin } from '../auth/same-origin.ts'
import { createThrottle, type Throttle } from '../auth/throttle.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import { userShape } from '../shapes/user.ts'

const SESSION_SECONDS = 7 * 86_400
const TICKET_SECONDS = 30
const WINDOW_MS = 5 * 60_000
const ACCOUNT_ATTEMPTS = 10
const ADDRESS_ATTEMPTS = 60
/** Each check of a password takes 19 MiB and a core for tens of milliseconds. */
const CHECKS_AT_ONCE = 16
const REFUSED = 'wrong user name or password: check both, or ask an administrator to set a new password'

const LoginBody = Type.Object({ username: Type.String({ minLength: 1, maxLength: 256 }), password: Type.Optional(Type.String({ maxLength: 1024 })), isHashed: Type.Optional(Type.Boolean()) })

export async function authRoutes(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  const accounts = createThrottle({ max: ACCOUNT_ATTEMPTS, windowMs: WINDOW_MS, keysMax: 10_000 })
  const addresses = createThrottle({ max: ADDRESS_ATTEMPTS, windowMs: WINDOW_MS, keysMax: 10_000 })
  // checked against when there is no such user, so that the answer takes as long
  const decoy = await hashPassword('no user has this password')
  let checking = 0

  app.post<{ Body: Type.Static<typeof LoginBody> }>('/api/v1/auth/login', { config: { access: 'public' }, schema: { body: LoginBody } }, async (request, reply): Promise<ApiLogin> => {
    if (!isSameOrigin(request)) throw new ApiFault(403, 'a page of another site may not log in here')
    const { username, password = '', isHashed = false } = request.body
    const keys = { account: username.toLowerCase(), address: request.ip }
    const nowMs = deps.clock.monotonicMs()
    takeAttempt(addresses, keys.address, nowMs)
    takeAttempt(accounts, keys.account, nowMs)
    if (checking >= CHECKS_AT_ONCE) throw new ApiFault(429, 'too many logins at this moment: try again in a second', { retryAfter: 1 })
    checking += 1
    try {
      const known = await findPassword(deps.db, username)
      const matches = await passwordMatches(known?.hash ?? null, presentedPassword(password, isHashed), decoy)
      if (!known || !matches) throw new ApiFault(401, REFUSED)
      accounts.forgive(keys.account)
      addresses.forgive(keys.address)
      if (!known.active) throw new ApiFault(403, `user ${username} is deactivated: ask an administrator to activate it`)
      return await logIn(deps, known.id, request, reply)
    } finally {
      checking -= 1
    }
  })

  app.post('/api/v1/auth/logout', async (request, reply) => {
    await closeSession(deps.db, userOf(request).tokenHash)
    void reply.header('set-cookie', `${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`)
    return {}
  })

  app.get('/api/v1/me', { config: { container: 'self' } }, async (request) => {
    const id = request.caller?.kind === 'allocation' ? request.caller.ownerId : userOf(request).userId
    const user = await findUser(deps.db, id)
    if (!user) throw new ApiFault(401, 'this user no longer exists: log in as another')
    return { user: userShape(user) }
  })

  app.post('/api/v1/drover/ticket', async (request): Promise<ApiTicket> => ({ ticket: await openTicket(deps.db, userOf(request).userId, TICKET_SECONDS), expiresInSeconds: TICKET_SECONDS }))
}

async function logIn(deps: ApiDeps, userId: number, request: FastifyRequest, reply: FastifyReply): Promise<ApiLogin> {
  const [token, user] = [await openSession(deps.db, userId, SESSION_SECONDS), await findUser(deps.db, userId)]
  if (!user) throw new ApiFault(401, REFUSED)
  void reply.setCookie(COOKIE, token, { path: '/', httpOnly: true, sameSite: 'lax', secure: request.protocol === 'https', maxAge: SESSION_SECONDS })
  deps.log.info({ userId, ip: request.ip }, 'user logged in')
  return { token, user: userShape(user) }
}

function takeAttempt(throttle: Throttle, key: string, nowMs: number): void {
  const waitSeconds = throttle.take(key, nowMs)
  if (waitSeconds > 0) throw new ApiFault(429, `too many failed logins: wait ${waitSeconds} seconds, or ask an administrator to set a new password`, { retryAfter: waitSeconds })
}
