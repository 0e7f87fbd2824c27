import type { Bucket } from '../../protocol/bucket/door.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { storageUrl } from '../../protocol/bucket/url.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import type { GatewayPlace } from '../gateway/open-gateway.ts'
import { createProxy } from '../gateway/proxy.ts'
import type { Attendant, ExitedContainer } from '../steps/attendant.ts'
import { abortable } from './abortable.ts'
import { restoreCheckpoint } from './restore-checkpoint.ts'
import { serveAllocation, type ServedGateway } from './served-gateway.ts'
import { attend, type AttendantDeps, type Side } from './side-work.ts'

export function createAttendant(deps: AttendantDeps): Attendant {
  const proxy = createProxy(deps.masterUrl, deps.ca)
  const open = deps.open ?? ((storage) => openBucket(storage, deps))
  const buckets = new Map<string, Bucket>()
  const sides = new Map<string, Side>()
  const gateways = new Map<string, ServedGateway>()
  const bucketOf = (storage: Storage): Bucket => {
    const key = storageUrl(storage)
    const bucket = buckets.get(key) ?? open(storage)
    buckets.set(key, bucket)
    return bucket
  }
  const gatewayOf = ({ spec, paths }: Pick<ExitedContainer, 'spec' | 'paths'>, place: GatewayPlace): ServedGateway => {
    const known = gateways.get(spec.alloc)
    if (known) return known
    const gateway = serveAllocation({ ...deps, proxy, spec, run: paths.run, storage: paths.storage, place, log: deps.log.child({ alloc: spec.alloc }) })
    gateways.set(spec.alloc, gateway)
    return gateway
  }
  const sideOf = (container: ExitedContainer, place: GatewayPlace | null): Side => {
    const known = sides.get(container.spec.alloc)
    if (known) return known
    // one that was opened before the start of a container that ended at once is closed by the drain, too
    const gateway = place === null ? (gateways.get(container.spec.alloc) ?? null) : gatewayOf(container, place)
    const side = attend({ ...deps, bucket: bucketOf(container.spec.storage), container, gateway })
    sides.set(container.spec.alloc, side)
    return side
  }
  const detach = async (alloc: string): Promise<void> => {
    const [side, gateway] = [sides.get(alloc), gateways.get(alloc)]
    sides.delete(alloc)
    gateways.delete(alloc)
    await Promise.all([side?.stop(), gateway?.close()])
  }
  return {
    restore: (spec, paths, signal) => restoreCheckpoint({ ...deps, bucket: bucketOf(spec.storage), spec, paths, signal }),
    serve: async ({ spec, paths, place }) => {
      const known = gateways.get(spec.alloc)
      if (known !== undefined && !samePlace(known.place, place)) {
        gateways.delete(spec.alloc)
        await known.close()
      }
      await gatewayOf({ spec, paths }, place).opened
    },
    attach: (running) => void sideOf(running, running.place),
    preempt: (alloc) => sides.get(alloc)?.preempt(),
    closed: (alloc) => sides.get(alloc)?.closed(),
    drain: (exited, signal) => abortable(sideOf(exited, null).drain(), signal),
    detach,
    async close() {
      await Promise.all([...new Set([...sides.keys(), ...gateways.keys()])].map(detach))
      for (const bucket of buckets.values()) bucket.close()
      buckets.clear()
      proxy.close()
    },
  }
}

/** Another place: the sandbox of a container that has not started was replaced. */
function samePlace(a: GatewayPlace, b: GatewayPlace): boolean {
  if (a.at === 'host') return b.at === 'host' && a.port === b.port
  return b.at === 'namespace' && a.pid === b.pid
}
