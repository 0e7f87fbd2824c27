import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { canonicalJson } from '../reconcile/canonical.ts'

/** One open door per place that checkpoints go to. */
export interface Buckets {
  of(storage: Storage): Promise<Bucket>
  close(): Promise<void>
}

export function createBuckets(open: (storage: Storage) => Promise<Bucket>): Buckets {
  const doors = new Map<string, Promise<Bucket>>()
  return {
    of(storage) {
      const key = canonicalJson(storage)
      const door = doors.get(key) ?? open(storage)
      doors.set(key, door)
      // one that could not be opened is not kept
      door.catch(() => doors.delete(key))
      return door
    },
    async close() {
      for (const outcome of await Promise.allSettled(doors.values())) if (outcome.status === 'fulfilled') outcome.value.close()
      doors.clear()
    },
  }
}
