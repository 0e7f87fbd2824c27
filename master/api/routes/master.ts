import type { FastifyInstance } from 'fastify'
import type { ApiMaster } from '../../../protocol/wire/api.ts'
import { DETERMINED_VERSION, DROVER_VERSION } from '../../../protocol/wire/version.ts'
import type { ApiDeps } from '../deps.ts'
import { hideKeys } from '../shapes/storage.ts'

/** What the cluster is. */
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
}
