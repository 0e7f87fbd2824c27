import type { Bucket } from '../../protocol/bucket/door.ts'
import { manifestKey } from '../../protocol/bucket/layout.ts'

/**
 * A member of a gang sends its files like a checkpoint of its own, but for the last step: what would be the manifest
 * becomes the list of its part, under a key of its own. The manifest is the master's to write, of all lists.
 */
export function withManifestAt(bucket: Bucket, prefix: string, key: string): Bucket {
  const manifest = manifestKey(prefix)
  const moved = (asked: string): string => (asked === manifest ? key : asked)
  return {
    url: bucket.url,
    putFile: (asked, path, options) => bucket.putFile(asked, path, options),
    putBytes: (asked, body, options) => bucket.putBytes(moved(asked), body, options),
    getBytes: (asked, options) => bucket.getBytes(moved(asked), options),
    getFile: (asked, path, options) => bucket.getFile(asked, path, options),
    getStream: (asked, options) => bucket.getStream(asked, options),
    head: (asked, options) => bucket.head(asked, options),
    list: (asked, options) => bucket.list(asked, options),
    remove: (asked, options) => bucket.remove(asked, options),
    close: () => undefined,
  }
}
