import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { changeWorkspace, deleteWorkspace, findWorkspace, insertWorkspace, listWorkspaces, WORKSPACE_SORTS, type WorkspaceRow, type WorkspaceSort } from '../../store/queries/workspaces.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, IdParams, pageOf, PageQuery, paginationOf } from '../page.ts'
import { workspaceShape } from '../shapes/things.ts'
import { Name, Names, UserIds } from '../words.ts'
import { sortOf } from './experiments.ts'

const ListQuery = Type.Object({
  ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), name: Type.Optional(Type.String({ maxLength: 256 })), nameCaseSensitive: Type.Optional(Type.String({ maxLength: 256 })),
  archived: Type.Optional(Type.Boolean()), pinned: Type.Optional(Type.Boolean()), users: Type.Optional(Names), userIds: Type.Optional(UserIds),
})
type ListQuery = Type.Static<typeof ListQuery>
const PostBody = Type.Object({ name: Name, checkpointStorageConfig: Type.Optional(Type.Unknown()), agentUserGroup: Type.Optional(Type.Unknown()), defaultComputePool: Type.Optional(Type.String({ maxLength: 64 })), defaultAuxPool: Type.Optional(Type.String({ maxLength: 64 })) })
const PatchBody = Type.Object({ ...PostBody.properties, name: Type.Optional(Name), defaultComputeResourcePool: Type.Optional(Type.String({ maxLength: 64 })), defaultAuxResourcePool: Type.Optional(Type.String({ maxLength: 64 })) })
type PatchBody = Type.Static<typeof PatchBody>
type OfId = { Params: { id: number } }

export function workspaceRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, settings } = deps

  app.get<{ Querystring: ListQuery }>('/api/v1/workspaces', { schema: { querystring: ListQuery } }, async ({ query }) => {
    const page = pageOf(query)
    const { workspaces, total } = await listWorkspaces(db, {
      ...page, name: query.name, exactName: query.nameCaseSensitive, archived: query.archived, users: query.users, userIds: query.userIds, sort: sortOf<WorkspaceSort>(query.sortBy, WORKSPACE_SORTS), descending: query.orderBy === 'ORDER_BY_DESC',
    })
    const shown = query.pinned ? [] : workspaces
    return { workspaces: shown.map(workspaceShape), pagination: paginationOf(page, shown.length, query.pinned ? 0 : total) }
  })

  app.post<{ Body: Type.Static<typeof PostBody> }>('/api/v1/workspaces', { schema: { body: PostBody } }, async (request) => {
    refuseSettings(request.body)
    const { name } = request.body
    const id = await insertWorkspace(db, name, userOf(request).userId)
    if (id === null) throw taken(name)
    return { workspace: workspaceShape(await mustFindWorkspace(deps, id)), namespaceBindings: {} }
  })

  app.get<OfId>('/api/v1/workspaces/:id', { schema: { params: IdParams } }, async ({ params }) => ({ workspace: workspaceShape(await mustFindWorkspace(deps, params.id)) }))

  app.patch<OfId & { Body: PatchBody }>('/api/v1/workspaces/:id', { schema: { params: IdParams, body: PatchBody } }, async (request) => {
    refuseSettings(request.body)
    const { id } = await own(deps, request)
    if (!await changeWorkspace(db, id, { name: request.body.name })) throw taken(request.body.name ?? '')
    return { workspace: workspaceShape(await mustFindWorkspace(deps, id)) }
  })

  for (const [verb, archived] of [['archive', true], ['unarchive', false]] as const) {
    app.post<OfId>(`/api/v1/workspaces/:id/${verb}`, { schema: { params: IdParams } }, async (request) => {
      await changeWorkspace(db, (await own(deps, request)).id, { archived })
      return {}
    })
  }

  app.delete<OfId>('/api/v1/workspaces/:id', { schema: { params: IdParams } }, async (request) => {
    const row = await own(deps, request)
    const held = await deleteWorkspace(db, row.id)
    if (held !== '') throw new ApiFault(409, `workspace ${row.name} holds ${held}: move or delete them first`)
    return { completed: true }
  })

  app.get<{ Params: { workspaceId: number }; Querystring: { limit?: number; offset?: number } }>('/api/v1/workspaces/:workspaceId/available-resource-pools', { schema: { params: Type.Object({ workspaceId: Id }), querystring: Type.Object(PageQuery) } }, async (request) => {
    await mustFindWorkspace(deps, request.params.workspaceId)
    const page = pageOf(request.query)
    const pools = settings.pools.slice(page.offset, page.offset + page.limit)
    return { resourcePools: pools.map((pool) => pool.name), pagination: paginationOf(page, pools.length, settings.pools.length) }
  })
}

export async function mustFindWorkspace(deps: Pick<ApiDeps, 'db'>, id: number): Promise<WorkspaceRow> {
  const row = await findWorkspace(deps.db, id)
  if (!row) throw notFound('workspace', id)
  return row
}

async function own(deps: ApiDeps, request: FastifyRequest<OfId>): Promise<WorkspaceRow> {
  const row = await mustFindWorkspace(deps, request.params.id)
  if (row.immutable) throw new ApiFault(409, `workspace ${row.name} came with the cluster and stays as it is: make one of your own`)
  mustOwn(userOf(request), row.owner_id, `workspace ${row.name}`)
  return row
}

/** What cannot be kept is refused, not passed over. */
function refuseSettings(body: PatchBody): void {
  const named = (['checkpointStorageConfig', 'agentUserGroup', 'defaultComputePool', 'defaultAuxPool', 'defaultComputeResourcePool', 'defaultAuxResourcePool'] as const).find((key) => body[key] !== undefined && body[key] !== '')
  if (named !== undefined) throw new ApiFault(400, `${named}: this release keeps no settings with a workspace: leave it out, and name them in the experiment or in master.yaml`)
}

function taken(name: string): ApiFault {
  return new ApiFault(409, `workspace name ${name} is taken: choose another`)
}
