import type { FastifyInstance } from 'fastify'
import type { ApiMaster } from '../../../protocol/wire/api.ts'
import { DETERMINED_VERSION, DROVER_VERSION } from '../../../protocol/wire/version.ts'
import type { ApiDeps } from '../deps.ts'
import { PROJECT } from '../shapes/experiment.ts'
import { hideKeys } from '../shapes/storage.ts'
import { Id, pageOf, PageQuery, paginationOf } from '../page.ts'
import { ApiFault, notFound } from '../errors.ts'
import Type from 'typebox'

const ListQuery = Type.Object({ ...PageQuery, name: Type.Optional(Type.String({ maxLength: 256 })) })
const IdParams = Type.Object({ id: Id })

/** What the cluster is; workspaces and projects as far as Determined's client asks for them: one of each. */
export function masterRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { settings, clusterId } = deps
  const facts = { version: DETERMINED_VERSION, clusterId, clusterName: settings.clusterName }

  app.get('/info', { config: { access: 'public' } }, () => ({
    ...facts, masterId: clusterId, cluster_id: clusterId, master_id: clusterId, cluster_name: settings.clusterName, isTelemetryEnabled: false, sso_providers: [], external_login_uri: '', external_logout_uri: '', drover: { version: DROVER_VERSION },
  }))

  app.get('/health', { config: { access: 'public' } }, (_request, reply) => {
    const isReady = deps.ready()
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'up' : 'down' })
  })

  app.get('/api/v1/master', { config: { access: 'public' } }, (): ApiMaster => ({
    ...facts, masterId: clusterId, telemetryEnabled: false, externalLoginUri: '', externalLogoutUri: '', branding: 'determined', rbacEnabled: false, product: 'PRODUCT_COMMUNITY',
    featureSwitches: [], userManagementEnabled: true, strictJobQueueControl: false, hasCustomLogo: false, ssoProviders: [], drover: { version: DROVER_VERSION },
  }))

  app.get('/api/v1/master/config', { config: { access: 'admin' } }, () => ({
    config: {
      listen: settings.listen, cluster_name: settings.clusterName, checkpoint_storage: hideKeys(settings.checkpointStorage),
      default_compute_resource_pool: settings.defaultComputePool, default_aux_resource_pool: settings.defaultAuxPool,
      resource_pools: settings.pools.map((pool) => ({ pool_name: pool.name, description: pool.description })),
    },
  }))

  const workspace = {
    id: PROJECT.workspaceId, name: PROJECT.workspaceName, archived: false, username: 'admin', immutable: true, numProjects: 1, pinned: false, userId: 1, numExperiments: 0,
    state: 'WORKSPACE_STATE_UNSPECIFIED', errorMessage: '', agentUserGroup: null, checkpointStorageConfig: null, pinnedAt: null, defaultComputePool: '', defaultAuxPool: '',
  }
  const project = {
    id: PROJECT.id, name: PROJECT.name, workspaceId: PROJECT.workspaceId, workspaceName: PROJECT.workspaceName, description: '', lastExperimentStartedAt: null, notes: [], numExperiments: 0,
    numActiveExperiments: 0, archived: false, username: 'admin', immutable: true, userId: 1, state: 'WORKSPACE_STATE_UNSPECIFIED', errorMessage: '', numRuns: 0, key: 'UNCAT',
  }
  const paged = <T extends { name: string }>(item: T, query: Type.Static<typeof ListQuery>): { items: T[]; pagination: unknown } => {
    const isMatch = query.name === undefined || item.name.toLowerCase().includes(query.name.toLowerCase())
    const page = pageOf(query)
    const items = isMatch && page.offset === 0 && page.limit > 0 ? [item] : []
    return { items, pagination: paginationOf(page, items.length, isMatch ? 1 : 0) }
  }

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>('/api/v1/workspaces', { schema: { querystring: ListQuery } }, (request) => {
    const { items, pagination } = paged(workspace, request.query)
    return { workspaces: items, pagination }
  })
  app.get<{ Params: { id: number } }>('/api/v1/workspaces/:id', { schema: { params: IdParams } }, (request) => {
    if (request.params.id !== workspace.id) throw notFound('workspace', request.params.id)
    return { workspace }
  })
  app.get<{ Params: { id: number }; Querystring: Type.Static<typeof ListQuery> }>('/api/v1/workspaces/:id/projects', { schema: { params: IdParams, querystring: ListQuery } }, (request) => {
    if (request.params.id !== workspace.id) throw notFound('workspace', request.params.id)
    const { items, pagination } = paged(project, request.query)
    return { projects: items, pagination }
  })
  app.get<{ Params: { id: number } }>('/api/v1/projects/:id', { schema: { params: IdParams } }, (request) => {
    if (request.params.id !== project.id) throw new ApiFault(404, `project ${request.params.id} was not found: this cluster has project 1 only`)
    return { project }
  })
}
