import { realClock } from '../protocol/kit/clock.ts'
import { createLog } from '../protocol/kit/log.ts'
import { openLink, type Link } from '../protocol/link.ts'
import { inboxPrefix } from '../protocol/wire/subjects.ts'
import { createAttendant } from './bucket/attendant.ts'
import type { AgentConfig } from './config.ts'
import { connectDocker } from './docker/engine.ts'
import { beginEc2Life } from './ec2-life.ts'
import { GATEWAY_PORT } from './gateway/gateway.ts'
import { listenInside } from './gateway/listen-inside.ts'
import { masterBlobs } from './identity/blobs.ts'
import { loadIdentity } from './identity/enroll.ts'
import { openMasterHttp } from './identity/https.ts'
import { recoverEpochs } from './journal/recover-epochs.ts'
import { openJournal } from './journal/sqlite.ts'
import { openDesired } from './loops/desired.ts'
import { drainedNow, startDrained } from './loops/drained.ts'
import { startHeartbeat } from './loops/heartbeat.ts'
import { startHost } from './loops/host.ts'
import { lateLink } from './loops/late-link.ts'
import { startReconcile } from './loops/reconcile.ts'
import { startRenew } from './loops/renew.ts'
import { startSendOutbox } from './loops/send-outbox.ts'
import { removeSpare, startSpareSandbox } from './loops/spare-sandbox.ts'
import { watchDocker } from './loops/watch-docker.ts'
import { openContainerView } from './loops/world.ts'
import { heldOf } from './plan/held.ts'
import { workBegins } from './memory.ts'
import type { StepContext } from './steps/context.ts'
import { createPlaces } from './steps/places.ts'
import { openRefusals } from './steps/refusals.ts'
import { createSandboxes } from './steps/sandboxes.ts'
import { untilAborted } from './until-aborted.ts'

/**
 * Builds the daemon and serves until `signal`. The containers run on; the next life adopts them. Order of the end: loops
 * and their steps, attendant, links, journal. Rejects with EnrollError where this agent cannot become a member, with
 * StartupError where its machine could not be set up.
 */
export async function runAgent(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const [clock, random] = [realClock, Math.random]
  const log = createLog({ name: 'drover-agent', level: config.logLevel })
  const common = { clock, random, log, signal }
  const journal = openJournal(config.stateDir, (error) => log.error({ err: error }, 'the journal cannot be read and is set aside, containers are adopted from Docker'))
  const ec2 = await beginEc2Life({ config, journal, ...common })
  const enrolled = await loadIdentity({ config, ...common })
  if (enrolled === null) {
    await ec2.ended
    return journal.close()
  }
  let identity = enrolled
  const { agentId, clusterId, ca } = identity
  const http = openMasterHttp(config.masterUrl, ca)
  const docker = connectDocker({ dockerHost: config.dockerHost, clusterId, agentId })
  const view = openContainerView(docker)
  // before the first heartbeat: an inventory without them would call the containers gone
  if (journal.lost) await untilAborted(async () => recoverEpochs(journal, config.stateDir, (await view.fresh(clock.monotonicMs())).containers.map((container) => container.alloc)), common)

  const link = (name: string): Promise<Link> => openLink({ urls: identity.natsUrls, name: `${agentId} ${name}`, inboxPrefix: inboxPrefix(agentId), credentials: () => identity, log })
  const opening = [link('control'), link('bulk')] as const
  const bulk = lateLink(opening[1])
  const attendant = createAttendant({ journal, link: bulk, agentId, clusterId, masterUrl: config.masterUrl, ca, log, clock, random })
  const desired = openDesired(journal)
  const retire = (): string | null => desired.held().retire
  const host = await startHost({ ...common, config, docker })
  const sandboxes = createSandboxes({ docker, agentId, log })
  const spare = startSpareSandbox({ ...common, docker, sandboxes, listen: (pid) => listenInside(pid, GATEWAY_PORT), agentId, clusterId })
  const context: StepContext = {
    journal, docker, sandboxes, attendant: { ...attendant, attach: (running) => {
      workBegins()
      attendant.attach(running)
    } },
    places: createPlaces({ config, docker, agentId, clusterId, random }),
    blobs: masterBlobs(http, () => identity.agentToken), agentId, clusterId, stateDir: config.stateDir, slots: host.slots,
    imageReady: new Set(), imagesSeen: new Set(), attached: new Set(), refused: openRefusals(journal), clock, log,
  }
  const reconcile = startReconcile({ context, desired: () => desired.held().desired, retiring: () => retire() !== null, view, onStep: () => undefined, random, signal })
  const onChange = (): void => {
    view.markStale()
    reconcile.wake()
  }
  const watching = watchDocker({ ...common, docker, onChange })
  const outbox = startSendOutbox({ ...common, link: bulk, agentId, inc: journal.inc, outbox: journal.outbox })
  const renew = startRenew({ ...common, http, stateDir: config.stateDir, identity: () => identity, onRenewed: (renewed) => void (identity = renewed) })
  log.info({ agentId, clusterId, inc: journal.inc, slots: host.slots().length }, 'agent runs')

  const retiring = { retire, journal, view, underWay: reconcile.underWay, clock }
  const control = await Promise.race([opening[0], aborted(signal)])
  const heartbeat = control === null ? null : startHeartbeat({
    ...common, link: control, agentId, inc: journal.inc, outboxDepth: () => journal.outbox.depth(), desired, onChange: () => reconcile.wake(),
    onAnswered: ec2.answered, drained: () => drainedNow(retiring),
    inventory: () => ({ ...host.inventory(), held: heldOf(journal.allocations(), view.last()) }),
  })
  const drained = heartbeat === null ? null : startDrained({ ...common, ...retiring, onDrained: () => heartbeat.wake() })
  await Promise.all([ec2.ended, heartbeat?.ended, drained?.ended, reconcile.ended, watching, outbox.ended, renew.ended, host.ended, spare.ended])
  await Promise.all([attendant.close(), removeSpare({ docker, sandboxes, clock, log })])
  await closeLinks(opening)
  http.close()
  journal.close()
  log.info({ agentId }, 'agent stopped, containers run on')
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}

/** One that never came to stand has nothing to close; the end of the process ends its dialling. */
async function closeLinks(opening: readonly Promise<Link>[]): Promise<void> {
  const notYet = Symbol('not yet')
  for (const link of opening) {
    const opened = await Promise.race([link, Promise.resolve(notYet)])
    if (typeof opened !== 'symbol') await opened.close()
  }
}
