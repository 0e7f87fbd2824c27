import type { Peer } from '../../protocol/wire/heartbeat.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { Place } from './row.ts'

/** Port of the gateway on the loopback of a network namespace that the run has to itself. */
export const GATEWAY_PORT = 18_080
/** Rendezvous port of a member whose network namespace is its own: every port there is free. */
export const RENDEZVOUS_PORT = 29_400

/** How a container stands in the network; from what the journal and the master say of its place. */
export interface Wiring {
  /** Docker's NetworkMode: `container:<sandbox id>`, `host`, `bridge` */
  network: string
  /** on 127.0.0.1 as the run sees it */
  gatewayPort: number
  /** of the host's network, the one that the other members reach */
  interface?: string
  /** in order of rank; of a run that is no gang, itself */
  peers: readonly Pick<Peer, 'address' | 'port'>[]
}

export const ALONE: Wiring = { network: 'bridge', gatewayPort: GATEWAY_PORT, peers: [{ address: '127.0.0.1', port: RENDEZVOUS_PORT }] }

/** `sandboxId` is null on the host's network alone. */
export function wiringOf(place: Place | undefined, sandboxId: string | null, peers: readonly Peer[] | undefined): Wiring {
  return {
    network: sandboxId === null ? 'host' : `container:${sandboxId}`,
    gatewayPort: place?.gatewayPort ?? GATEWAY_PORT,
    ...(place?.interface === undefined ? {} : { interface: place.interface }),
    peers: place === undefined || peers === undefined ? ALONE.peers : peers.toSorted((a, b) => a.rank - b.rank),
  }
}

/** Every rank once: before that no member starts. */
export function peersComplete(spec: Pick<AllocationSpec, 'worldSize'>, peers: readonly Peer[] | undefined): boolean {
  const ranks = new Set(peers?.map((peer) => peer.rank))
  return ranks.size === spec.worldSize && peers?.length === spec.worldSize && [...ranks].every((rank) => rank < spec.worldSize)
}
