import type { Bucket } from '../../protocol/bucket/door.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { storageUrl } from '../../protocol/bucket/url.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { createProxy } from '../gateway/proxy.ts'
import type { Attendant, ExitedContainer } from '../steps/attendant.ts'
import { abortable } from './abortable.ts'
import { restoreCheckpoint } from './restore-checkpoint.ts'
import { attend, type AttendantDeps, type Side } from './side-work.ts'

export function createAttendant(deps: AttendantDeps): Attendant {
  const proxy = createProxy(deps.masterUrl, deps.ca)
  const open = deps.open ?? ((storage) => openBucket(storage, deps))
  const buckets = new Map<string, Bucket>()
  const sides = new Map<string, Side>()
  const bucketOf = (storage: Storage): Bucket => {
    const key = storageUrl(storage)
    const bucket = buckets.get(key) ?? open(storage)
    buckets.set(key, bucket)
    return bucket
  }
  const sideOf = (container: ExitedContainer, pid: number | null): Side => {
    const known = sides.get(container.spec.alloc)
    if (known) return known
    const side = attend({ ...deps, proxy, bucket: bucketOf(container.spec.storage), container, pid })
    sides.set(container.spec.alloc, side)
    return side
  }
  const detach = async (alloc: string): Promise<void> => {
    const side = sides.get(alloc)
    sides.delete(alloc)
    await side?.stop()
  }
  return {
    restore: (spec, paths, signal) => restoreCheckpoint({ ...deps, bucket: bucketOf(spec.storage), spec, paths, signal }),
    attach: (running) => void sideOf(running, running.pid),
    preempt: (alloc) => sides.get(alloc)?.preempt(),
    drain: (exited, signal) => abortable(sideOf(exited, null).drain(), signal),
    detach,
    async close() {
      await Promise.all([...sides.keys()].map(detach))
      for (const bucket of buckets.values()) bucket.close()
      buckets.clear()
      proxy.close()
    },
  }
}
