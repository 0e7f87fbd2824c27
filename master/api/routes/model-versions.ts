import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { changeVersion, deleteVersion, findVersion, insertVersion, listVersions, type VersionRow } from '../../store/queries/model-versions.ts'
import type { ModelRow } from '../../store/queries/models.ts'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, pageOf, PageQuery, paginationOf } from '../page.ts'
import { checkpointShape } from '../shapes/checkpoint.ts'
import { modelShape, versionShape } from '../shapes/things.ts'
import { Labels, Mapping, Name, Prose } from '../words.ts'
import { mustFind } from './checkpoints.ts'
import { ModelParams, mustFindModel } from './models.ts'

const ListQuery = Type.Object({ ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })) })
const Words = { name: Type.Optional(Type.String({ maxLength: 256 })), comment: Type.Optional(Prose), notes: Type.Optional(Prose), labels: Type.Optional(Labels), metadata: Type.Optional(Mapping) }
const PostBody = Type.Object({ checkpointUuid: Uuid, modelName: Type.Optional(Type.Unknown()), ...Words })
const PatchBody = Type.Object(Words)
const VersionParams = Type.Object({ model: Name, version: Id })
type Named = { Params: { model: string } }
type Numbered = { Params: { model: string; version: number } }

export function modelVersionRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, settings } = deps
  const shape = async (row: VersionRow, model: ModelRow): Promise<unknown> => versionShape(row, model, checkpointShape(await mustFind(deps, row.checkpoint_uuid), settings.checkpointStorage))

  app.get<Named & { Querystring: Type.Static<typeof ListQuery> }>('/api/v1/models/:model/versions', { schema: { params: ModelParams, querystring: ListQuery } }, async ({ params, query }) => {
    const page = pageOf(query)
    const model = await mustFindModel(deps, params.model)
    // newest first where nothing is said, as Determined does
    const { versions, total } = await listVersions(db, model.id, { ...page, descending: query.orderBy !== 'ORDER_BY_ASC' })
    return { model: modelShape(model), modelVersions: await Promise.all(versions.map((row) => shape(row, model))), pagination: paginationOf(page, versions.length, total) }
  })

  app.post<Named & { Body: Type.Static<typeof PostBody> }>('/api/v1/models/:model/versions', { schema: { params: ModelParams, body: PostBody } }, async (request) => {
    const model = await mustFindModel(deps, request.params.model)
    const { checkpointUuid, modelName: _, ...words } = request.body
    await mustFind(deps, checkpointUuid)
    const number = await insertVersion(db, { ...words, modelId: model.id, checkpoint: checkpointUuid, ownerId: userOf(request).userId })
    if (number === null) throw new ApiFault(409, `checkpoint ${checkpointUuid} is not whole: only a COMPLETED one can be registered`)
    return { modelVersion: await shape(await mustFindVersion(deps, model, number), await mustFindModel(deps, model.name)) }
  })

  app.get<Numbered>('/api/v1/models/:model/versions/:version', { schema: { params: VersionParams } }, async ({ params }) => {
    const model = await mustFindModel(deps, params.model)
    return { modelVersion: await shape(await mustFindVersion(deps, model, params.version), model) }
  })

  app.patch<Numbered & { Body: Type.Static<typeof PatchBody> }>('/api/v1/models/:model/versions/:version', { schema: { params: VersionParams, body: PatchBody } }, async ({ params, body }) => {
    const model = await mustFindModel(deps, params.model)
    const { id } = await mustFindVersion(deps, model, params.version)
    await changeVersion(db, id, body)
    return { modelVersion: await shape(await mustFindVersion(deps, model, params.version), model) }
  })

  app.delete<Numbered>('/api/v1/models/:model/versions/:version', { schema: { params: VersionParams } }, async (request: FastifyRequest<Numbered>) => {
    const model = await mustFindModel(deps, request.params.model)
    const row = await mustFindVersion(deps, model, request.params.version)
    mustOwn(userOf(request), row.owner_id, `version ${row.version} of model ${model.name}`)
    await deleteVersion(db, row.id)
    return {}
  })
}

async function mustFindVersion(deps: Pick<ApiDeps, 'db'>, model: ModelRow, version: number): Promise<VersionRow> {
  const row = await findVersion(deps.db, model.id, version)
  if (!row) throw notFound(`model ${model.name}, version`, version)
  return row
}
