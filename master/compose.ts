import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { openBucket } from '../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../protocol/bucket/verify.ts'
import { realClock } from '../protocol/kit/clock.ts'
import { createLog } from '../protocol/kit/log.ts'
import { inboxPrefix, pokeSubject, wakeSubject } from '../protocol/wire/subjects.ts'
import { createAgentApi } from './agent-api/server.ts'
import { createApi } from './api/server.ts'
import { ensureFirstUsers } from './api/users-first.ts'
import { claimPrefix, openIdentities, openStore } from './boot.ts'
import type { MasterConfig } from './config.ts'
import { MASTER } from './identity/nats-users.ts'
import { openBus, type Bus } from './intake/bus.ts'
import { createComplaints } from './intake/complaints.ts'
import { startPresence } from './intake/presence.ts'
import { createIntake } from './intake/subscribe.ts'
import { createBuckets } from './loops/buckets.ts'
import { startCheckpointsLoop } from './loops/checkpoints-loop.ts'
import type { LoopDeps } from './loops/deps.ts'
import { createFeed } from './loops/feed.ts'
import { startHealth } from './loops/health.ts'
import { startLeadership } from './loops/leader-loop.ts'
import { startLifecycleLoop } from './loops/lifecycle-loop.ts'
import { startScheduleLoop } from './loops/schedule-loop.ts'
import { createWakes } from './loops/wakes.ts'
import { storageConfig } from './reconcile/storage-of.ts'
import { openDb } from './store/db.ts'
import { makeCommands } from './store/make-commands.ts'

const POOL_MAX = 24
const CLOSE_MS_MAX = 5_000

/**
 * Builds the whole master and serves until `stop`. Drain order: HTTP listeners, then the deciding loops, then what
 * agents were already promised an answer to, then NATS, the leader row, buckets, Postgres.
 */
export async function runMaster(config: MasterConfig, stop: AbortSignal): Promise<void> {
  const log = createLog({ name: 'drover-master', level: config.logLevel })
  const failed = new AbortController()
  const signal = AbortSignal.any([stop, failed.signal])
  const common = { config, log, clock: realClock, random: Math.random, signal }
  const db = openDb(config.db.url, { max: POOL_MAX, applicationName: 'drover-master', onError: (error) => log.warn({ err: error }, 'an idle postgres connection ended') })
  const cluster = await openStore(common, db)
  await ensureFirstUsers(db, config.security.initialUserPassword)
  const identities = await openIdentities(common)
  const buckets = createBuckets(async (storage) => openBucket(storage, common))
  const bucket = await buckets.of(config.checkpointStorage)
  const prefix = config.checkpointStorage.type === 's3' ? config.checkpointStorage.prefix : ''
  await claimPrefix(common, { bucket, prefix, clusterId: cluster.clusterId, clusterName: config.clusterName, createdAt: new Date().toISOString() }, (error) => failed.abort(error))

  const natsStop = new AbortController()
  const wakes = createWakes((loop) => bus.publish(wakeSubject(loop)))
  const feed = createFeed(wakes, signal)
  const presence = startPresence({ ...common, db })
  const intake = createIntake({
    ...common, db, presence, incarnation: cluster.incarnation, cluster: { clusterId: cluster.clusterId, storage: config.checkpointStorage },
    complaints: createComplaints(common), wake: wakes.wake, receiveWake: wakes.receive,
  })
  const bus: Bus = openBus({
    ...common, urls: config.nats.urls, inboxPrefix: inboxPrefix(MASTER), subscriptions: intake.subscriptions, signal: natsStop.signal,
    credentials: () => ({ jwt: identities.masterJwt, seed: new TextDecoder().decode(identities.natsKeys.master.getSeed()) }),
  })
  const health = startHealth({ ...common, db })
  const deciders = ['schedule', 'lifecycle', 'checkpoints'] as const
  const leadership = startLeadership({ ...common, db, holder: `${config.holder}:${randomUUID()}`, onElected: () => deciders.forEach(wakes.receive) })
  const loopDeps: LoopDeps = {
    ...common, db, clusterId: cluster.clusterId, storage: config.checkpointStorage, leaderEpoch: leadership.epoch, wake: wakes.wake,
    poke: (agents) => agents.forEach((agent) => bus.publish(pokeSubject(agent))),
  }
  const loops = { schedule: startScheduleLoop(loopDeps), lifecycle: startLifecycleLoop(loopDeps), checkpoints: startCheckpointsLoop({ ...loopDeps, buckets, verify: verifyCheckpoint }) }
  for (const name of deciders) wakes.on(name, loops[name].wake)

  const names = config.resourcePools.map((pool) => pool.name)
  const commands = makeCommands({ db, storage: config.checkpointStorage, wake: wakes.wake, pools: { pools: names, compute: config.defaultComputePool, aux: config.defaultAuxPool } })
  const api = await createApi({
    ...common, db, commands, feed, bucket, clusterId: cluster.clusterId, ready: () => health.up() && bus.connected(),
    settings: {
      clusterName: config.clusterName, defaultComputePool: config.defaultComputePool, defaultAuxPool: config.defaultAuxPool, pools: config.resourcePools,
      listen: config.listen, webDir: config.webDir, checkpointStorage: storageConfig(config.checkpointStorage),
    },
  })
  await api.ready()
  const agentApi = await createAgentApi({
    ...common, ...identities, db, clusterId: cluster.clusterId, pools: names, natsUrls: config.nats.urls,
    forward: (request, response) => api.routing(request, response), onEnrolled: () => wakes.wake('feed'),
  })
  try {
    await api.listen(config.listen)
    await agentApi.listen(config.agentListen)
    log.info({ listen: api.server.address(), agentListen: agentApi.server.address(), clusterId: cluster.clusterId, bucket: bucket.url }, 'the master serves')
    await aborted(signal)
  } finally {
    failed.abort(signal.reason)
    await Promise.race([Promise.all([closed(api), closed(agentApi)]), realClock.sleep(CLOSE_MS_MAX, new AbortController().signal)])
    await Promise.all([loops.schedule.ended, loops.lifecycle.ended, loops.checkpoints.ended, presence.ended, health.ended, leadership.ended])
    await intake.close()
    natsStop.abort()
    await bus.ended
    await leadership.release().catch((error: unknown) => log.warn({ err: error }, 'the leader row was not released, the next master waits a few seconds'))
    await buckets.close()
    await db.destroy()
    log.info({}, 'the master has stopped')
  }
  if (failed.signal.reason instanceof Error && !stop.aborted) throw failed.signal.reason
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}

function closed(server: FastifyInstance): Promise<void> {
  server.server.closeIdleConnections()
  return server.close()
}
