import type { Storage } from '../wire/spec.ts'
import { openDirectory } from './directory.ts'
import type { Bucket } from './door.ts'
import type { RetryOptions } from './retry.ts'

/** Opens the bucket of a storage. The S3 client is loaded only where it is needed: it costs 10 MB. */
export async function openBucket(storage: Storage, options: RetryOptions): Promise<Bucket> {
  if (storage.type === 'directory') return openDirectory(storage.path)
  const { openS3 } = await import('./s3.ts')
  return openS3(storage, options)
}
