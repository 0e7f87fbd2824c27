import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { COMMAND_SORTS, findCommand, listCommands, type CommandRow, type CommandSort } from '../../store/queries/commands.ts'
import { userOf } from '../auth/guard.ts'
import { mustOwn } from '../auth/own.ts'
import { readCommand } from '../read-command.ts'
import { takeContext } from '../context/take-context.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { pageOf, PageQuery, paginationOf } from '../page.ts'
import { taskState } from '../shapes/states.ts'
import { meantTask, shownTaskId } from '../shapes/task-ids.ts'
import { Mapping, Names, UserIds } from '../words.ts'
import { answerTo, sortOf } from './experiments.ts'
import { TaskParams } from './tasks.ts'
import { mustFindTemplate } from './templates.ts'
import { mustFindWorkspace } from './workspaces.ts'

/** 95 MiB of files are 127 MiB of base64. */
const BODY_BYTES_MAX = 128 * 1024 * 1024
const ListQuery = Type.Object({ ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), users: Type.Optional(Names), userIds: Type.Optional(UserIds), workspaceId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })) })
const LaunchBody = Type.Object({
  config: Type.Optional(Mapping), templateName: Type.Optional(Type.String({ maxLength: 256 })), files: Type.Optional(Type.Unknown()), data: Type.Optional(Type.String({ maxLength: 1_048_576 })), workspaceId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
})
const PriorityBody = Type.Object({ priority: Type.Integer({ minimum: 1, maximum: 99 }), commandId: Type.Optional(Type.Unknown()) })
const FIRST_WORKSPACE = 1
type OfId = { Params: { id: string } }

/** `det command`: a run of its own, without an experiment. */
export function commandRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, commands, settings } = deps

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/commands', { schema: { querystring: ListQuery } }, async ({ query }) => {
    const page = pageOf(query)
    const { commands: rows, total } = await listCommands(db, { ...page, users: query.users, userIds: query.userIds, workspaceId: query.workspaceId, sort: sortOf<CommandSort>(query.sortBy, COMMAND_SORTS), descending: query.orderBy === 'ORDER_BY_DESC' })
    return { commands: rows.map(commandShape), pagination: paginationOf(page, rows.length, total) }
  })

  app.post<{ Body: Type.Static<typeof LaunchBody> }>('/api/v1/commands', { bodyLimit: BODY_BYTES_MAX, schema: { body: LaunchBody } }, async (request) => {
    const { body } = request
    const template = body.templateName ? (await mustFindTemplate(deps, body.templateName)).config : {}
    const workspace = await mustFindWorkspace(deps, body.workspaceId || FIRST_WORKSPACE)
    const { description, config } = readCommand(body.config ?? {}, template, settings)
    const context = await takeContext({ modelDefinition: body.files })
    const pool = config.resources.resource_pool || (config.resources.slots_per_trial === 0 ? settings.defaultAuxPool : settings.defaultComputePool)
    const task = await commands.createCommand({ description, config, context, ownerId: userOf(request).userId, workspaceId: workspace.id, pool })
    const row = await mustFindCommand(deps, task)
    return { command: commandShape(row), config: configShape(row), warnings: [] }
  })

  app.get<OfId>('/api/v1/commands/:id', { schema: { params: TaskParams } }, async ({ params }) => {
    const row = await mustFindCommand(deps, params.id)
    return { command: commandShape(row), config: configShape(row) }
  })

  app.post<OfId>('/api/v1/commands/:id/kill', { schema: { params: TaskParams } }, async (request) => {
    const row = await own(deps, request)
    answerTo(await commands.killCommand(row.task_id, userOf(request).username), 'command', request.params.id)
    return { command: commandShape(await mustFindCommand(deps, row.task_id)) }
  })

  app.post<OfId & { Body: Type.Static<typeof PriorityBody> }>('/api/v1/commands/:id/set_priority', { schema: { params: TaskParams, body: PriorityBody } }, async (request) => {
    const row = await own(deps, request)
    answerTo(await commands.changeJob(row.job_id, { priority: request.body.priority }, userOf(request).username), 'command', request.params.id)
    return { command: commandShape(await mustFindCommand(deps, row.task_id)) }
  })
}

async function mustFindCommand(deps: Pick<ApiDeps, 'db'>, id: string): Promise<CommandRow> {
  const row = await findCommand(deps.db, meantTask(id).id)
  if (!row) throw notFound('command', id)
  return row
}

async function own(deps: ApiDeps, request: FastifyRequest<OfId>): Promise<CommandRow> {
  const row = await mustFindCommand(deps, request.params.id)
  mustOwn(userOf(request), row.owner_id, `command ${request.params.id}`)
  return row
}

function commandShape(row: CommandRow): Record<string, unknown> {
  return {
    id: shownTaskId(row.task_id, null), description: row.description, state: row.ended_at === null ? taskState(row.state) : 'STATE_TERMINATED', startTime: row.started_at.toISOString(), username: row.username, displayName: row.display_name ?? '', userId: row.owner_id,
    resourcePool: row.pool, exitStatus: row.ended_at === null ? '' : row.end_reason || 'ended with exit code 0', jobId: row.job_id, workspaceId: row.workspace_id, container: null,
  }
}

function configShape({ description, config }: CommandRow): Record<string, unknown> {
  const { slots_per_trial: slots, ...resources } = config.resources
  return { description, entrypoint: config.entrypoint, environment: config.environment, resources: { slots, ...resources }, bind_mounts: config.bind_mounts }
}
