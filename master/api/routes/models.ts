import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { changeModel, deleteModel, findModel, insertModel, listModelLabels, listModels, MODEL_SORTS, type ModelRow, type ModelSort } from '../../store/queries/models.ts'
import { listWorkspaces } from '../../store/queries/workspaces.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { pageOf, PageQuery, paginationOf } from '../page.ts'
import { modelShape } from '../shapes/things.ts'
import { Labels, Mapping, Name, Names, Prose, UserIds } from '../words.ts'
import { sortOf } from './experiments.ts'
import { mustFindWorkspace } from './workspaces.ts'

const WorkspaceId = Type.Integer({ minimum: 0, maximum: 2_147_483_647 })
const ListQuery = Type.Object({
  ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), name: Type.Optional(Type.String({ maxLength: 256 })), description: Type.Optional(Type.String({ maxLength: 256 })), labels: Type.Optional(Names), archived: Type.Optional(Type.Boolean()),
  id: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })), workspaceIds: Type.Optional(UserIds), workspaceNames: Type.Optional(Names), users: Type.Optional(Names), userIds: Type.Optional(UserIds),
})
const Words = { description: Type.Optional(Prose), metadata: Type.Optional(Mapping), labels: Type.Optional(Labels), notes: Type.Optional(Prose), workspaceId: Type.Optional(WorkspaceId), workspaceName: Type.Optional(Type.String({ maxLength: 256 })) }
const PostBody = Type.Object({ name: Name, ...Words })
const PatchBody = Type.Object({ name: Type.Optional(Name), ...Words })
const MoveBody = Type.Object({ destinationWorkspaceId: WorkspaceId })
export const ModelParams = Type.Object({ model: Name })
type Named = { Params: { model: string } }
const FIRST_WORKSPACE = 1

export function modelRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db } = deps

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/models', { schema: { querystring: ListQuery } }, async ({ query }) => {
    const page = pageOf(query)
    const { models, total } = await listModels(db, {
      ...page, id: query.id || undefined, name: query.name, description: query.description, labels: query.labels, archived: query.archived, workspaceIds: query.workspaceIds, workspaceNames: query.workspaceNames, users: query.users, userIds: query.userIds,
      sort: sortOf<ModelSort>(query.sortBy, MODEL_SORTS), descending: query.orderBy === 'ORDER_BY_DESC',
    })
    return { models: models.map(modelShape), pagination: paginationOf(page, models.length, total) }
  })

  app.get('/api/v1/model/labels', async () => {
    const labels = await listModelLabels(db)
    return { labels, pagination: paginationOf({ limit: labels.length, offset: 0 }, labels.length, labels.length) }
  })

  app.post<{ Body: Type.Static<typeof PostBody> }>('/api/v1/models', { schema: { body: PostBody } }, async (request) => {
    const { workspaceId: _, workspaceName: __, ...words } = request.body
    const id = await insertModel(db, { ...words, workspaceId: await workspaceOf(deps, request.body) ?? FIRST_WORKSPACE, ownerId: userOf(request).userId })
    if (id === null) throw taken(words.name)
    return { model: modelShape(await mustFindModel(deps, words.name)) }
  })

  app.get<Named>('/api/v1/models/:model', { schema: { params: ModelParams } }, async ({ params }) => ({ model: modelShape(await mustFindModel(deps, params.model)) }))

  app.patch<Named & { Body: Type.Static<typeof PatchBody> }>('/api/v1/models/:model', { schema: { params: ModelParams, body: PatchBody } }, async (request) => {
    const row = await mustFindModel(deps, request.params.model)
    const { workspaceId: _, workspaceName: __, ...words } = request.body
    if (!await changeModel(db, row.id, { ...words, workspaceId: await workspaceOf(deps, request.body) ?? undefined })) throw taken(words.name ?? '')
    return { model: modelShape(await mustFindModel(deps, words.name ?? row.name)) }
  })

  for (const [verb, archived] of [['archive', true], ['unarchive', false]] as const) {
    app.post<Named>(`/api/v1/models/:model/${verb}`, { schema: { params: ModelParams } }, async (request) => {
      await changeModel(db, (await mustFindModel(deps, request.params.model)).id, { archived })
      return {}
    })
  }

  app.post<Named & { Body: Type.Static<typeof MoveBody> }>('/api/v1/models/:model/move', { schema: { params: ModelParams, body: MoveBody } }, async (request) => {
    const row = await own(deps, request)
    const { id } = await mustFindWorkspace(deps, request.body.destinationWorkspaceId)
    await changeModel(db, row.id, { workspaceId: id })
    return {}
  })

  app.delete<Named>('/api/v1/models/:model', { schema: { params: ModelParams } }, async (request) => {
    await deleteModel(db, (await own(deps, request)).id)
    return {}
  })
}

export async function mustFindModel(deps: Pick<ApiDeps, 'db'>, nameOrId: string): Promise<ModelRow> {
  const row = await findModel(deps.db, nameOrId)
  if (!row) throw notFound('model', nameOrId)
  return row
}

async function own(deps: ApiDeps, request: FastifyRequest<Named>): Promise<ModelRow> {
  const row = await mustFindModel(deps, request.params.model)
  mustOwn(userOf(request), row.owner_id, `model ${row.name}`)
  return row
}

async function workspaceOf(deps: ApiDeps, body: { workspaceId?: number; workspaceName?: string }): Promise<number | null> {
  if (body.workspaceId) return (await mustFindWorkspace(deps, body.workspaceId)).id
  if (!body.workspaceName) return null
  const { workspaces: [found] } = await listWorkspaces(deps.db, { exactName: body.workspaceName, sort: 'ID', descending: false, limit: 1, offset: 0 })
  if (!found) throw notFound('workspace', body.workspaceName)
  return found.id
}

function taken(name: string): ApiFault {
  return new ApiFault(409, `model name ${name} is taken: choose another`)
}
