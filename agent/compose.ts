import { realClock } from '../protocol/kit/clock.ts'
import { createLog } from '../protocol/kit/log.ts'
import { openLink } from '../protocol/link.ts'
import { inboxPrefix } from '../protocol/wire/subjects.ts'
import { createAttendant } from './bucket/attendant.ts'
import type { AgentConfig } from './config.ts'
import { openEngine, type SeenContainer } from './docker/engine.ts'
import { readDiskFreeMib, readHostFacts, readSlots } from './host/facts.ts'
import { loadIdentity, renewIdentity } from './identity/enroll.ts'
import { openMasterHttp } from './identity/https.ts'
import { openJournal } from './journal/sqlite.ts'
import { startHeartbeat } from './loops/heartbeat.ts'
import { heldOf, inventoryOf } from './loops/inventory.ts'
import { startReconcile } from './loops/reconcile.ts'
import { startSendOutbox } from './loops/send-outbox.ts'
import { startLoop } from '../protocol/kit/loop.ts'

const SLOTS_EVERY_MS = 60_000
const RENEW_EVERY_MS = 600_000

/**
 * Builds the daemon and runs it until `signal`. On a stop the containers run on: the next life adopts them. Order of
 * the end: loops, attendant, links, journal.
 */
export async function runAgent(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const clock = realClock
  const random = Math.random
  const log = createLog({ name: 'drover-agent', level: config.logLevel })
  let identity = await loadIdentity({ config, clock, random, log, signal })
  const journal = openJournal(config.stateDir, (error) => log.error({ err: error }, 'the journal could not be read and was set aside; containers are adopted from Docker'))
  const http = openMasterHttp(config.masterUrl, identity.ca)
  const engine = openEngine(config.dockerHost, { cluster: identity.clusterId, agent: identity.agentId })
  const link = (name: string): ReturnType<typeof openLink> =>
    openLink({ urls: identity.natsUrls, name: `${identity.agentId} ${name}`, inboxPrefix: inboxPrefix(identity.agentId), credentials: () => identity, log })
  const [control, bulk, facts] = await Promise.all([link('control'), link('bulk'), readHostFacts()])
  const attendant = createAttendant({ journal, link: bulk, agentId: identity.agentId, clusterId: identity.clusterId, masterUrl: config.masterUrl, ca: identity.ca, log, clock, random })

  let slots = await readSlots(config.cpuSlots)
  let diskFreeMib = await readDiskFreeMib(config.stateDir)
  let seen: readonly SeenContainer[] = []
  let docker = ''
  const common = { clock, random, log, signal }
  const heartbeat = startHeartbeat({
    ...common, link: control, agentId: identity.agentId, journal, onDesired: () => reconcile.wake(),
    inventory: async () => inventoryOf(facts, { docker: (docker ||= await engine.version().catch(() => '')), slots, diskFreeMib, held: heldOf(journal.allocations(), seen) }),
  })
  const reconcile = startReconcile({
    ...common, engine, journal, attendant, http, identity: () => identity, slots: () => slots, stateDir: config.stateDir,
    attached: new Set(), refused: new Set(), desired: heartbeat.desired, onSeen: (containers) => void (seen = containers), onStep: () => heartbeat.loop.wake(),
  })
  const outbox = startSendOutbox({ ...common, link: bulk, agentId: identity.agentId, journal })
  const host = startLoop({
    ...common, name: 'host', sweepMs: SLOTS_EVERY_MS,
    pass: async () => {
      slots = await readSlots(config.cpuSlots)
      diskFreeMib = await readDiskFreeMib(config.stateDir)
    },
  })
  const renew = startLoop({
    ...common, name: 'renew', sweepMs: RENEW_EVERY_MS,
    pass: async () => {
      if (identity.jwtExpires - clock.wallMs() / 1000 < 43_200) identity = await renewIdentity(identity, http, config.stateDir)
    },
  })
  log.info({ agentId: identity.agentId, slots: slots.length }, 'agent runs')
  await Promise.all([heartbeat.loop.ended, reconcile.ended, outbox.ended, host.ended, renew.ended])
  await attendant.close()
  await Promise.all([control.close(), bulk.close()])
  journal.close()
}
