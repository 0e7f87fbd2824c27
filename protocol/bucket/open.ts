import type { Clock } from '../kit/clock.ts'
import type { Log } from '../kit/log.ts'
import type { Storage } from '../wire/spec.ts'
import { openDirectoryBucket } from './directory.ts'
import type { Bucket } from './door.ts'
import { openS3Bucket } from './s3.ts'

export interface BucketOptions {
  log: Log
  clock: Clock
  random: () => number
}

/** Opens the bucket a storage names. Makes no request and no directory: the first use finds out. */
export function openBucket(storage: Storage, options: BucketOptions): Bucket {
  return storage.type === 's3' ? openS3Bucket(storage, options) : openDirectoryBucket(storage.path, options)
}
