import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'

/** One open door per place that checkpoints go to. */
export interface Buckets {
  of(storage: Storage): Bucket
  close(): void
}

export function createBuckets(open: (storage: Storage) => Bucket): Buckets {
  const doors = new Map<string, Bucket>()
  return {
    of(storage) {
      const key = canonicalJson(storage)
      const door = doors.get(key) ?? open(storage)
      doors.set(key, door)
      return door
    },
    close() {
      for (const door of doors.values()) door.close()
      doors.clear()
    },
  }
}
