import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { openBucket } from '../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../protocol/bucket/verify.ts'
import { realClock } from '../protocol/kit/clock.ts'
import { createLog } from '../protocol/kit/log.ts'
import { inboxPrefix, pokeSubject, wakeSubject } from '../protocol/wire/subjects.ts'
import { createAgentApi } from './agent-api/server.ts'
import { claimPrefix, openIdentities, openStore, type BootDeps, type Identities } from './boot.ts'
import type { MasterConfig } from './config.ts'
import { setUpHerd, startHerd, type HerdSetup } from './herd.ts'
import { MASTER } from './identity/nats-users.ts'
import { openBus, type Bus } from './intake/bus.ts'
import { createGraphqlDoor } from './graphql/door.ts'
import { createRecentLog, type RecentLog } from './recent-log.ts'
import { coalesce } from './intake/coalesce.ts'
import { createComplaints } from './intake/complaints.ts'
import { startPresence } from './intake/presence.ts'
import { createIntake, type Intake } from './intake/subscribe.ts'
import { startAdoptionLoop } from './loops/adoption-loop.ts'
import { createBuckets, type Buckets } from './loops/buckets.ts'
import { startCanary } from './loops/canary.ts'
import { startCheckpointsLoop } from './loops/checkpoints-loop.ts'
import { createClockWatch } from './loops/clock-watch.ts'
import { PrefixTaken } from './loops/claim-bucket.ts'
import { startDeletionLoop } from './loops/deletion-loop.ts'
import { createFeed } from './loops/feed.ts'
import { startHealth } from './loops/health.ts'
import { startLeadership } from './loops/leader-loop.ts'
import { startLifecycleLoop } from './loops/lifecycle-loop.ts'
import { startLossLoop, type LossDeps } from './loops/loss-loop.ts'
import { startScheduleLoop } from './loops/schedule-loop.ts'
import { createWakes, type Wakes } from './loops/wakes.ts'
import type { People } from './people.ts'
import { storageConfig } from './reconcile/storage-of.ts'
import { openDb } from './store/db.ts'
import { makeCommands } from './store/make-commands.ts'

const POOL_MAX = 24
const CLOSE_MS_MAX = 5_000

/**
 * Builds the whole master and serves until `stop`. What is opened says at once how it is closed; the drain runs
 * backwards: HTTP listeners, deciding loops and leader row, what agents were promised an answer to, NATS, buckets, Postgres.
 */
export async function runMaster(config: MasterConfig, stop: AbortSignal, people: People): Promise<void> {
  const recentLog = createRecentLog()
  const log = createLog({ name: 'drover-master', level: config.logLevel, tap: recentLog.take })
  for (const warning of config.warnings) log.warn({ warning }, 'a setting deserves a look')
  const failed = new AbortController()
  const common = { config, log, recentLog, clock: realClock, random: Math.random, signal: AbortSignal.any([stop, failed.signal]) }
  const drain: (() => Promise<unknown>)[] = []
  try {
    await serve(common, people, drain, (error) => failed.abort(error))
    await aborted(common.signal)
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    failed.abort(failed.signal.reason)
    for (const step of drain.reverse()) await step().catch((error: unknown) => log.warn({ err: error }, 'a step of the drain failed'))
    log.info({}, 'the master has stopped')
  }
  if (!stop.aborted && failed.signal.reason instanceof PrefixTaken) throw failed.signal.reason
}

/** pokes and wakes of one subject, at most one in so long */
const TELL_AGAIN_MS = 20

async function serve(common: BootDeps & { recentLog: RecentLog }, people: People, drain: (() => Promise<unknown>)[], fail: (error: unknown) => void): Promise<void> {
  const { config, log, signal } = common
  const db = openDb(config.db.url, { max: POOL_MAX, applicationName: 'drover-master', onError: (error) => log.warn({ err: error }, 'a postgres connection was cut') })
  drain.push(() => db.destroy())
  const cluster = await openStore(common, db)
  await people.ensureFirstUsers(db, config.security.initialUserPassword)
  const identities = await openIdentities(common)
  const buckets = createBuckets((storage) => openBucket(storage, common))
  drain.push(async () => buckets.close())
  const bucket = buckets.of(config.checkpointStorage)
  const prefix = config.checkpointStorage.type === 's3' ? config.checkpointStorage.prefix : ''
  await claimPrefix(common, { bucket, prefix, clusterId: cluster.clusterId, clusterName: config.clusterName, createdAt: new Date(common.clock.wallMs()).toISOString() }, fail)

  const publish = coalesce((subject) => bus.publish(subject), TELL_AGAIN_MS)
  const wakes = createWakes((loop) => publish(wakeSubject(loop)))
  const poke = (agents: readonly string[]): void => agents.forEach((agent) => publish(pokeSubject(agent)))
  const presence = startPresence({ ...common, db })
  const intake = createIntake({
    ...common, db, presence, incarnation: cluster.incarnation, cluster: { clusterId: cluster.clusterId, storage: config.checkpointStorage },
    complaints: createComplaints(common), wake: wakes.wake, receiveWake: wakes.receive, poke,
  })
  const bus = openMasterBus(common, identities, intake, drain)
  drain.push(() => presence.ended, () => intake.close())
  const health = startHealth({ ...common, db })
  const canary = startCanary({ ...common, publish: () => bus.publish(wakeSubject('canary')), onHeard: (listener) => wakes.on('canary', listener) })
  drain.push(() => Promise.all([health.ended, canary.ended]))
  const startedMs = common.clock.monotonicMs()
  const hearing: LossDeps['hearing'] = () => {
    const { healthyForMs, lastWordMs } = canary.state()
    return { lostMs: config.herd.lostMs, canaryHealthyForMs: Math.min(healthyForMs, health.upForMs()), canaryLastWordMs: lastWordMs, masterUpForMs: common.clock.monotonicMs() - startedMs }
  }
  const herd = await setUpHerd(common, db, identities)
  startDeciders({ ...common, db, clusterId: cluster.clusterId, storage: config.checkpointStorage, wake: wakes.wake, poke, hearing, clockWatch: createClockWatch(common.clock) }, herd, buckets, wakes, drain)

  const names = config.resourcePools.map((pool) => pool.name)
  const commands = makeCommands({ db, storage: config.checkpointStorage, wake: wakes.wake, pools: { pools: names, compute: config.defaultComputePool, aux: config.defaultAuxPool } })
  const graphql = createGraphqlDoor({ db, databaseUrl: config.db.url, log })
  drain.push(() => graphql.close())
  await graphql.prepare()
  const api = await people.createApi({
    ...common, db, commands, bucket, graphql, feed: createFeed(wakes, signal), clusterId: cluster.clusterId, ready: () => health.up() && bus.connected(),
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
  drain.push(() => closeBoth(api, agentApi))
  await api.listen(config.listen)
  await agentApi.listen(config.agentListen)
  log.info({ listen: api.server.address(), agentListen: agentApi.server.address(), clusterId: cluster.clusterId, bucket: bucket.url }, 'the master serves')
}

/** NATS outlives `signal`: what was taken is answered first. */
function openMasterBus(common: BootDeps, identities: Identities, intake: Intake, drain: (() => Promise<unknown>)[]): Bus {
  const stop = new AbortController()
  const bus = openBus({
    ...common, urls: common.config.nats.urls, inboxPrefix: inboxPrefix(MASTER), subscriptions: intake.subscriptions, signal: stop.signal,
    credentials: () => ({ jwt: identities.masterJwt, seed: new TextDecoder().decode(identities.natsKeys.master.getSeed()) }),
  })
  drain.push(() => {
    stop.abort()
    return bus.ended
  })
  return bus
}

/** The loops that decide, under the leader row, and the wakes that rouse them. */
function startDeciders(given: Omit<LossDeps, 'leaderEpoch'> & BootDeps, herd: HerdSetup | null, buckets: Buckets, wakes: Wakes, drain: (() => Promise<unknown>)[]): void {
  const deciders = ['schedule', 'lifecycle', 'checkpoints', 'loss'] as const
  const leadership = startLeadership({ ...given, holder: `${given.config.holder}:${randomUUID()}`, onElected: () => [...deciders, 'scale' as const, 'truth' as const].forEach(wakes.receive) })
  const deps = { ...given, leaderEpoch: leadership.epoch, buckets, verify: verifyCheckpoint }
  const loops = { schedule: startScheduleLoop(deps), lifecycle: startLifecycleLoop(deps), checkpoints: startCheckpointsLoop(deps), loss: startLossLoop(deps) }
  for (const name of deciders) wakes.on(name, loops[name].wake)
  const adoption = startAdoptionLoop(deps)
  for (const name of ['loss', 'checkpoints', 'lifecycle'] as const) wakes.on(name, adoption.wake)
  const deletion = startDeletionLoop(deps)
  wakes.on('lifecycle', deletion.wake)
  const started = herd === null ? null : startHerd(deps, herd, wakes)
  drain.push(() => leadership.ended.then(leadership.release), () => Promise.all([adoption.ended, deletion.ended, started?.ended, ...deciders.map((name) => loops[name].ended)]))
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}

/** Open streams may keep a listener from closing: after a while the drain goes on without it. */
async function closeBoth(api: FastifyInstance, agentApi: FastifyInstance): Promise<void> {
  const done = new AbortController()
  const closing = [api, agentApi].map((server) => {
    server.server.closeIdleConnections()
    return server.close()
  })
  await Promise.race([Promise.all(closing), realClock.sleep(CLOSE_MS_MAX, done.signal)])
  done.abort()
  for (const server of [api, agentApi]) server.server.closeAllConnections()
}
