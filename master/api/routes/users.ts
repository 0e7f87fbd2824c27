import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { changeUser, insertUser, type HostUserWords } from '../../store/queries/change-users.ts'
import { findUser, findUserByName, listUsers } from '../../store/queries/users.ts'
import { userOf } from '../auth/guard.ts'
import { hashPassword, passwordMistake, presentedPassword } from '../auth/password.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, pageOf, PageQuery, paginationOf } from '../page.ts'
import { userShape } from '../shapes/user.ts'

const Username = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]*$' })
const Password = Type.String({ maxLength: 1024 })
const HostId = Type.Integer({ minimum: 0, maximum: 2_147_483_647 })
const HostName = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-z_][a-z0-9_.-]*\\$?$' })
/** As whom its containers run on an agent's host. */
const HostUser = Type.Object({ agentUid: HostId, agentUser: HostName, agentGid: HostId, agentGroup: HostName })
const ListQuery = Type.Object({ ...PageQuery, active: Type.Optional(Type.Boolean()), admin: Type.Optional(Type.Boolean()), name: Type.Optional(Type.String({ maxLength: 256 })) })
const NewUserBody = Type.Object({
  user: Type.Object({ username: Username, admin: Type.Optional(Type.Boolean()), active: Type.Optional(Type.Boolean()), displayName: Type.Optional(Type.String({ maxLength: 256 })), remote: Type.Optional(Type.Boolean()), agentUserGroup: Type.Optional(HostUser) }),
  password: Type.Optional(Password),
  isHashed: Type.Optional(Type.Boolean()),
})
const PatchBody = Type.Object({
  username: Type.Optional(Username), displayName: Type.Optional(Type.String({ maxLength: 256 })), admin: Type.Optional(Type.Boolean()), active: Type.Optional(Type.Boolean()),
  password: Type.Optional(Password), isHashed: Type.Optional(Type.Boolean()), remote: Type.Optional(Type.Boolean()), agentUserGroup: Type.Optional(HostUser),
})
const UserParams = Type.Object({ user: Id })
const NameParams = Type.Object({ user: Type.String({ maxLength: 256 }) })

export function userRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db } = deps

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/users', { schema: { querystring: ListQuery } }, async (request) => {
    const page = pageOf(request.query)
    const { users, total } = await listUsers(db, { ...request.query, ...page })
    return { users: users.map(userShape), pagination: paginationOf(page, users.length, total) }
  })

  app.get<{ Params: Type.Static<typeof UserParams> }>('/api/v1/users/:user', { schema: { params: UserParams } }, async (request) => {
    const user = await findUser(db, request.params.user)
    if (!user) throw notFound('user', request.params.user)
    return { user: userShape(user) }
  })

  app.get<{ Params: Type.Static<typeof NameParams> }>('/api/v1/users/:user/by-username', { schema: { params: NameParams } }, async (request) => {
    const user = await findUserByName(db, request.params.user)
    if (!user) throw notFound('user', request.params.user)
    return { user: userShape(user) }
  })

  app.post<{ Body: Type.Static<typeof NewUserBody> }>('/api/v1/users', { config: { access: 'admin' }, schema: { body: NewUserBody } }, async (request) => {
    const { user, password = '', isHashed = false } = request.body
    refuseRemote(user.remote)
    const id = await insertUser(db, { username: user.username, displayName: user.displayName || null, admin: user.admin ?? false, active: user.active ?? true, hostUser: hostUserOf(user.agentUserGroup), passwordHash: await newHash(password, isHashed) })
    if (id === null) throw new ApiFault(409, `user name ${user.username} is taken: choose another`)
    const made = await findUser(db, id)
    if (!made) throw notFound('user', id)
    return { user: userShape(made) }
  })

  app.patch<{ Params: Type.Static<typeof UserParams>; Body: Type.Static<typeof PatchBody> }>('/api/v1/users/:user', { schema: { params: UserParams, body: PatchBody } }, async (request) => {
    const caller = userOf(request)
    const { user: id } = request.params
    const { username, displayName, admin, active, password, isHashed = false, agentUserGroup } = request.body
    refuseRemote(request.body.remote)
    const changesRights = username !== undefined || admin !== undefined || active !== undefined || agentUserGroup !== undefined
    if (!caller.admin && (caller.userId !== id || changesRights)) throw new ApiFault(403, 'a user may change only the own password and display name: ask an administrator for the rest')
    const passwordHash = password === undefined ? undefined : await newHash(password, isHashed)
    const outcome = await changeUser(db, id, { username, displayName: displayName === undefined ? undefined : displayName || null, admin, active, hostUser: hostUserOf(agentUserGroup), passwordHash }, caller.tokenHash)
    if (outcome === 'not-found') throw notFound('user', id)
    if (outcome === 'name-taken') throw new ApiFault(409, `user name ${username ?? ''} is taken: choose another`)
    if (outcome === 'last-admin') throw new ApiFault(409, 'this is the last active administrator: make another one first')
    const user = await findUser(db, id)
    if (!user) throw notFound('user', id)
    return { user: userShape(user) }
  })
}

function hostUserOf(group: Type.Static<typeof HostUser> | undefined): HostUserWords | undefined {
  return group && { uid: group.agentUid, user: group.agentUser, gid: group.agentGid, group: group.agentGroup }
}

function refuseRemote(remote: boolean | undefined): void {
  if (remote === true) throw new ApiFault(400, 'remote: this release knows no other place that checks passwords: leave it out and set a password')
}

function newHash(password: string, isHashed: boolean): Promise<string> {
  const mistake = passwordMistake(password, isHashed)
  if (mistake !== null) throw new ApiFault(400, mistake)
  return hashPassword(presentedPassword(password, isHashed))
}
