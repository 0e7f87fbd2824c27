import type { Storage } from '../wire/spec.ts'
import { openDirectoryBucket } from './directory.ts'
import type { Bucket } from './door.ts'
import type { BucketOptions } from './options.ts'
import { storageUrl } from './url.ts'

/** Opens the bucket a storage names. Makes no request and no directory: the first use finds out. */
export function openBucket(storage: Storage, options: BucketOptions): Bucket {
  if (storage.type === 'directory') return openDirectoryBucket(storage.path, options)
  // the S3 client costs 10 MB and 200 ms: loaded with the first use
  return openLater(storageUrl(storage), async () => (await import('./s3.ts')).openS3Bucket(storage, options))
}

function openLater(url: string, open: () => Promise<Bucket>): Bucket {
  let opened: Promise<Bucket> | null = null
  const bucket = (): Promise<Bucket> => (opened ??= open())
  return {
    url,
    putFile: async (key, path, options) => (await bucket()).putFile(key, path, options),
    putBytes: async (key, body, options) => (await bucket()).putBytes(key, body, options),
    getBytes: async (key, options) => (await bucket()).getBytes(key, options),
    getFile: async (key, path, options) => (await bucket()).getFile(key, path, options),
    getStream: async (key, options) => (await bucket()).getStream(key, options),
    head: async (key, options) => (await bucket()).head(key, options),
    async *list(prefix, options) {
      yield* (await bucket()).list(prefix, options)
    },
    remove: async (key, options) => (await bucket()).remove(key, options),
    close: () => void opened?.then((door) => door.close(), () => undefined), // never opened: nothing to close
  }
}
