import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ApiAgent, ApiSlot } from '../../../protocol/wire/api.ts'
import { listAgents } from '../../store/queries/agents.ts'
import { countByPool } from '../../store/queries/tasks.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { pageOf, PageQuery, paginationOf } from '../page.ts'
import { agentShape } from '../shapes/agent.ts'
import { poolShape } from '../shapes/pool.ts'
import { answerTo } from './experiments.ts'

const AgentParams = Type.Object({ agent: Type.String({ minLength: 1, maxLength: 64 }) })
const SlotParams = Type.Object({ agent: Type.String({ minLength: 1, maxLength: 64 }), slot: Type.String({ minLength: 1, maxLength: 64 }) })
const ListQuery = Type.Object({ ...PageQuery, sortBy: Type.Optional(Type.String({ maxLength: 64 })), excludeSlots: Type.Optional(Type.Boolean()), excludeContainers: Type.Optional(Type.Boolean()) })
const DisableBody = Type.Object({ drain: Type.Optional(Type.Boolean()) })
type SlotParams = Type.Static<typeof SlotParams>

export function agentRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db, commands, settings } = deps

  const find = async (id: string): Promise<ApiAgent> => {
    const [row] = await listAgents(db, { id })
    if (!row) throw notFound('agent', id)
    return agentShape(row)
  }
  /** By its id or, as Determined's client can only say, by its number. */
  const findSlot = async (params: SlotParams): Promise<ApiSlot> => {
    const { slots } = await find(params.agent)
    const slot = Object.hasOwn(slots, params.slot) ? slots[params.slot] : Object.values(slots).find((known) => String(known.drover.index) === params.slot)
    if (!slot) throw notFound(`agent ${params.agent}, slot`, params.slot)
    return slot
  }

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/agents', { schema: { querystring: ListQuery } }, async (request) => {
    const { query } = request
    const all = (await listAgents(db)).map(agentShape)
    if (query.sortBy === 'SORT_BY_TIME') all.sort((a, b) => a.registeredTime.localeCompare(b.registeredTime))
    if (query.orderBy === 'ORDER_BY_DESC') all.reverse()
    const page = pageOf(query)
    const agents = all.slice(page.offset, page.offset + page.limit).map((agent) => ({ ...agent, ...(query.excludeSlots ? { slots: {} } : {}), ...(query.excludeContainers ? { containers: {} } : {}) }))
    return { agents, pagination: paginationOf(page, agents.length, all.length) }
  })

  app.get<{ Params: { agent: string } }>('/api/v1/agents/:agent', { schema: { params: AgentParams } }, async (request) => ({ agent: await find(request.params.agent) }))

  app.post<{ Params: { agent: string } }>('/api/v1/agents/:agent/enable', { config: { access: 'admin' }, schema: { params: AgentParams } }, async (request) => {
    answerTo(await commands.setAgentEnabled(request.params.agent, true, false, userOf(request).username), 'agent', request.params.agent)
    return { agent: await find(request.params.agent) }
  })

  app.post<{ Params: { agent: string }; Body: { drain?: boolean } }>('/api/v1/agents/:agent/disable', { config: { access: 'admin' }, schema: { params: AgentParams, body: DisableBody } }, async (request) => {
    answerTo(await commands.setAgentEnabled(request.params.agent, false, request.body.drain ?? false, userOf(request).username), 'agent', request.params.agent)
    return { agent: await find(request.params.agent) }
  })

  app.get<{ Params: { agent: string } }>('/api/v1/agents/:agent/slots', { schema: { params: AgentParams } }, async (request) => ({ slots: Object.values((await find(request.params.agent)).slots) }))

  app.get<{ Params: SlotParams }>('/api/v1/agents/:agent/slots/:slot', { schema: { params: SlotParams } }, async (request) => ({ slot: await findSlot(request.params) }))

  for (const [verb, isEnabled] of [['enable', true], ['disable', false]] as const) {
    app.post<{ Params: SlotParams; Body: { drain?: boolean } }>(`/api/v1/agents/:agent/slots/:slot/${verb}`, { config: { access: 'admin' }, schema: { params: SlotParams, body: DisableBody } }, async (request) => {
      const slot = await findSlot(request.params)
      answerTo(await commands.setSlotEnabled(request.params.agent, slot.id, { enabled: isEnabled, drain: request.body.drain ?? false }, userOf(request).username), 'slot', slot.id)
      return { slot: await findSlot(request.params) }
    })
  }

  app.get<{ Params: { pool: string }; Querystring: { limit?: number; offset?: number } }>('/api/v1/resource-pools/:pool/workspace-bindings', { schema: { params: Type.Object({ pool: Type.String({ maxLength: 64 }) }), querystring: Type.Object(PageQuery) } }, async ({ params, query }) => {
    if (!settings.pools.some((pool) => pool.name === params.pool)) throw notFound('resource pool', params.pool)
    return { workspaceIds: [], pagination: paginationOf(pageOf(query), 0, 0) }
  })

  app.get<{ Querystring: { limit?: number; offset?: number } }>('/api/v1/resource-pools', { schema: { querystring: Type.Object({ ...PageQuery, unbound: Type.Optional(Type.Boolean()) }) } }, async (request) => {
    const page = pageOf(request.query)
    const [agents, uses] = await Promise.all([listAgents(db), countByPool(db)])
    const pools = settings.pools.slice(page.offset, page.offset + page.limit)
    return { resourcePools: pools.map((pool) => poolShape(pool, settings, agents, uses.find((use) => use.pool === pool.name))), pagination: paginationOf(page, pools.length, settings.pools.length) }
  })
}
