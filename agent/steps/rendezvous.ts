import { GATEWAY_PORT, RENDEZVOUS_PORT } from '../plan/wiring.ts'
import { sandboxName } from '../plan/sandbox-name.ts'
import type { Place } from '../plan/row.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'

/** Chooses where this member of a gang is reached. Row and event are one commit: it is told once, and never chosen anew. */
export async function rendezvous(context: StepContext, step: StepOf<'rendezvous'>, signal: AbortSignal): Promise<void> {
  const row = rowOf(context, step.alloc)
  const network = await context.places.network()
  const place = network === 'host' ? await onHost(context) : await onBridge(context, sandboxName(row.spec))
  if (signal.aborted) return
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, place })
    tx.append({ kind: 'rendezvous', alloc: row.alloc, t: context.clock.wallMs(), address: place.address, port: place.port })
  })
  context.log.info({ alloc: row.alloc, ...place }, 'member of a gang has its place')
}

async function onBridge(context: StepContext, name: string): Promise<Place> {
  const { address, named } = await context.sandboxes.take(name)
  await named
  if (address === '') throw new Error(`the network sandbox ${name} has no address on the bridge`)
  return { network: 'bridge', address, port: RENDEZVOUS_PORT, gatewayPort: GATEWAY_PORT }
}

/** Ports of other members on this host are theirs, also while nothing listens there yet. */
async function onHost(context: StepContext): Promise<Place> {
  const given = new Set(context.journal.allocations().flatMap(({ place }) => (place?.network === 'host' ? [...blockOf(place.port), place.gatewayPort] : [])))
  const port = await context.places.freePort(given, PORTS_OF_RUN)
  const gatewayPort = await context.places.freePort(new Set([...given, ...blockOf(port)]))
  return { network: 'host', ...(await context.places.hostAddress()), port, gatewayPort }
}

/** Rendezvous, and three that launchers of the `determined` package take beside it. */
const PORTS_OF_RUN = 4

function blockOf(port: number): number[] {
  return Array.from({ length: PORTS_OF_RUN }, (_, index) => port + index)
}
