import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { changeTemplate, deleteTemplate, findTemplate, insertTemplate, listTemplates, type TemplateRow } from '../../store/queries/templates.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { pageOf, PageQuery, paginationOf } from '../page.ts'
import { templateShape } from '../shapes/things.ts'
import { Mapping, Name, UserIds } from '../words.ts'
import { mustFindWorkspace } from './workspaces.ts'

const ListQuery = Type.Object({ ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), name: Type.Optional(Type.String({ maxLength: 256 })), workspaceIds: Type.Optional(UserIds) })
const Params = Type.Object({ name: Name })
const PostBody = Type.Object({ config: Mapping, workspaceId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })) })
const RenameBody = Type.Object({ oldName: Name, newName: Name })
const FIRST_WORKSPACE = 1
type Named = { Params: { name: string } }

/** Parts of a configuration that lie under the user's own: `det experiment create --template`. */
export function templateRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db } = deps

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/templates', { schema: { querystring: ListQuery } }, async ({ query }) => {
    const page = pageOf(query)
    const { templates, total } = await listTemplates(db, { ...page, name: query.name, workspaceIds: query.workspaceIds, descending: query.orderBy === 'ORDER_BY_DESC' })
    return { templates: templates.map(templateShape), pagination: paginationOf(page, templates.length, total) }
  })

  app.get<Named>('/api/v1/templates/:name', { schema: { params: Params } }, async ({ params }) => ({ template: templateShape(await mustFindTemplate(deps, params.name)) }))

  app.post<Named & { Body: Type.Static<typeof PostBody> }>('/api/v1/templates/:name', { schema: { params: Params, body: PostBody } }, async (request) => {
    const { name } = request.params
    const workspaceId = request.body.workspaceId || FIRST_WORKSPACE
    await mustFindWorkspace(deps, workspaceId)
    if (!await insertTemplate(db, { name, workspace_id: workspaceId, owner_id: userOf(request).userId, config: request.body.config })) throw new ApiFault(409, `template name ${name} is taken: choose another, or set the one there is`)
    return { template: templateShape(await mustFindTemplate(deps, name)) }
  })

  app.patch<Named & { Body: Record<string, unknown> }>('/api/v1/templates/:name', { config: { ownKeys: true }, schema: { params: Params, body: Mapping } }, async (request) => {
    const { name } = await own(deps, request, request.params.name)
    await changeTemplate(db, name, { config: request.body })
    return { template: templateShape(await mustFindTemplate(deps, name)) }
  })

  app.patch<{ Body: Type.Static<typeof RenameBody> }>('/api/v1/template/rename', { schema: { body: RenameBody } }, async (request) => {
    const { oldName, newName } = request.body
    await own(deps, request, oldName)
    if (await changeTemplate(db, oldName, { name: newName }) === null) throw new ApiFault(409, `template name ${newName} is taken: choose another`)
    return { template: templateShape(await mustFindTemplate(deps, newName)) }
  })

  app.delete<Named>('/api/v1/templates/:name', { schema: { params: Params } }, async (request) => {
    const { name } = await own(deps, request, request.params.name)
    await deleteTemplate(db, name)
    return {}
  })
}

export async function mustFindTemplate(deps: Pick<ApiDeps, 'db'>, name: string): Promise<TemplateRow> {
  const row = await findTemplate(deps.db, name)
  if (!row) throw notFound('template', name.slice(0, 256))
  return row
}

async function own(deps: ApiDeps, request: FastifyRequest, name: string): Promise<TemplateRow> {
  const row = await mustFindTemplate(deps, name)
  mustOwn(userOf(request), row.owner_id, `template ${name}`)
  return row
}
