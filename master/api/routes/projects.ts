import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { addProjectNote, changeProject, deleteProject, findProject, insertProject, listProjects, PROJECT_SORTS, type ProjectRow, type ProjectSort } from '../../store/queries/projects.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { Id, IdParams, pageOf, PageQuery, paginationOf } from '../page.ts'
import { projectShape } from '../shapes/things.ts'
import { Name, Names, Prose, UserIds } from '../words.ts'
import { sortOf } from './experiments.ts'
import { mustFindWorkspace } from './workspaces.ts'

const ListQuery = Type.Object({
  ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), name: Type.Optional(Type.String({ maxLength: 256 })), archived: Type.Optional(Type.Boolean()), users: Type.Optional(Names), userIds: Type.Optional(UserIds),
})
const Key = Type.String({ minLength: 1, maxLength: 16, pattern: '^[A-Za-z0-9]+$' })
const PostBody = Type.Object({ name: Name, description: Type.Optional(Prose), key: Type.Optional(Key), workspaceId: Type.Optional(Type.Unknown()) })
const PatchBody = Type.Object({ name: Type.Optional(Name), description: Type.Optional(Prose), key: Type.Optional(Key) })
const Note = Type.Object({ name: Type.String({ maxLength: 1024 }), contents: Prose })
const NotesBody = Type.Object({ notes: Type.Array(Note, { maxItems: 100 }) })
const MoveBody = Type.Object({ destinationWorkspaceId: Id })
const OfProject = Type.Object({ projectId: Id })
type OfId = { Params: { id: number } }

export function projectRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db } = deps

  app.get<OfId & { Querystring: Type.Static<typeof ListQuery> }>('/api/v1/workspaces/:id/projects', { schema: { params: IdParams, querystring: ListQuery } }, async ({ params, query }) => {
    const page = pageOf(query)
    await mustFindWorkspace(deps, params.id)
    const { projects, total } = await listProjects(db, { ...page, workspaceId: params.id, name: query.name, archived: query.archived, users: query.users, userIds: query.userIds, sort: sortOf<ProjectSort>(query.sortBy, PROJECT_SORTS), descending: query.orderBy === 'ORDER_BY_DESC' })
    return { projects: projects.map(projectShape), pagination: paginationOf(page, projects.length, total) }
  })

  app.post<OfId & { Body: Type.Static<typeof PostBody> }>('/api/v1/workspaces/:id/projects', { schema: { params: IdParams, body: PostBody } }, async (request) => {
    const workspace = await mustFindWorkspace(deps, request.params.id)
    if (workspace.archived) throw new ApiFault(409, `workspace ${workspace.name} is archived: unarchive it first`)
    const { name, description = '', key } = request.body
    const made = await insertProject(db, { workspaceId: workspace.id, name, description, key: key?.toUpperCase() ?? null, ownerId: userOf(request).userId })
    if (typeof made === 'string') throw taken(made)
    return { project: projectShape(await mustFindProject(deps, made)) }
  })

  app.get<OfId>('/api/v1/projects/:id', { schema: { params: IdParams } }, async ({ params }) => ({ project: projectShape(await mustFindProject(deps, params.id)) }))

  app.get<{ Params: { key: string } }>('/api/v1/projects/key/:key', { schema: { params: Type.Object({ key: Type.String({ minLength: 1, maxLength: 64 }) }) } }, async ({ params }) => {
    const row = await findProject(db, { key: params.key })
    if (!row) throw notFound('project', params.key)
    return { project: projectShape(row) }
  })

  app.patch<OfId & { Body: Type.Static<typeof PatchBody> }>('/api/v1/projects/:id', { schema: { params: IdParams, body: PatchBody } }, async (request) => {
    const { id } = await own(deps, request, request.params.id)
    const { key } = request.body
    const outcome = await changeProject(db, id, { ...request.body, key: key?.toUpperCase() })
    if (outcome !== 'done') throw taken(outcome)
    return { project: projectShape(await mustFindProject(deps, id)) }
  })

  for (const [verb, archived] of [['archive', true], ['unarchive', false]] as const) {
    app.post<OfId>(`/api/v1/projects/:id/${verb}`, { schema: { params: IdParams } }, async (request) => {
      await changeProject(db, (await own(deps, request, request.params.id)).id, { archived })
      return {}
    })
  }

  app.delete<OfId>('/api/v1/projects/:id', { schema: { params: IdParams } }, async (request) => {
    const row = await own(deps, request, request.params.id)
    const held = await deleteProject(db, row.id)
    if (held > 0) throw new ApiFault(409, `project ${row.name} holds ${held} ${held === 1 ? 'experiment' : 'experiments'}: move or delete them first`)
    return { completed: true }
  })

  app.put<{ Params: { projectId: number }; Body: Type.Static<typeof NotesBody> }>('/api/v1/projects/:projectId/notes', { schema: { params: OfProject, body: NotesBody } }, async (request) => {
    const { id } = await mustFindProject(deps, request.params.projectId)
    await changeProject(db, id, { notes: request.body.notes })
    return { notes: (await mustFindProject(deps, id)).notes }
  })

  app.post<{ Params: { projectId: number }; Body: Type.Static<typeof Note> }>('/api/v1/projects/:projectId/notes', { schema: { params: OfProject, body: Note } }, async (request) => {
    const { id, notes } = await mustFindProject(deps, request.params.projectId)
    if (notes.length >= 100) throw new ApiFault(409, 'a project has room for 100 notes: remove one first')
    await addProjectNote(db, id, { name: request.body.name, contents: request.body.contents })
    return { notes: (await mustFindProject(deps, id)).notes }
  })

  app.post<{ Params: { projectId: number }; Body: Type.Static<typeof MoveBody> }>('/api/v1/projects/:projectId/move', { schema: { params: OfProject, body: MoveBody } }, async (request) => {
    const { id } = await own(deps, request, request.params.projectId)
    const { id: workspaceId } = await mustFindWorkspace(deps, request.body.destinationWorkspaceId)
    const outcome = await changeProject(db, id, { workspaceId })
    if (outcome !== 'done') throw taken(outcome)
    return {}
  })
}

export async function mustFindProject(deps: Pick<ApiDeps, 'db'>, id: number): Promise<ProjectRow> {
  const row = await findProject(deps.db, { id })
  if (!row) throw notFound('project', id)
  return row
}

async function own(deps: ApiDeps, request: FastifyRequest, id: number): Promise<ProjectRow> {
  const row = await mustFindProject(deps, id)
  if (row.immutable) throw new ApiFault(409, `project ${row.name} came with the cluster and stays as it is: make one of your own`)
  mustOwn(userOf(request), row.owner_id, `project ${row.name}`)
  return row
}

function taken(word: 'name' | 'key'): ApiFault {
  return new ApiFault(409, word === 'name' ? 'this name is taken in the workspace: choose another' : 'this key is taken: choose another, or leave it out')
}
