import type { Readable } from 'node:stream'

/** Foreign errors of S3 and the file system, named once; loops switch on `kind`. */
export type BucketErrorKind = 'missing' | 'exists' | 'denied' | 'throttled' | 'corrupt' | 'full' | 'transient'
export class BucketError extends Error {
  override readonly name = 'BucketError'
  readonly kind: BucketErrorKind
  constructor(kind: BucketErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

export interface ObjectInfo {
  key: string
  size: number
}

export interface ObjectHead extends ObjectInfo {
  /** SHA-256 of the whole object, hex, where the store knows it; else null */
  sha256: string | null
}

export interface TransferOptions {
  signal: AbortSignal
  /** bytes moved since the last call */
  onBytes?: (bytes: number) => void
  /** a transient error that will be tried again */
  onRetry?: (error: BucketError) => void
}

/**
 * The door to a bucket. S3 and the directory bucket pass one contract suite. Keys are relative to the bucket,
 * never start with `/`. Objects are whole or absent; reads after writes are consistent.
 */
export interface Bucket {
  /** `s3://bucket` or `file:///path`, for people */
  readonly url: string
  /**
   * Uploads a local file, multipart where large; returns the SHA-256 of what was sent. Retries transient errors until
   * `signal`, telling `onRetry` of each. A local file that cannot be read throws the file system's own error.
   */
  putFile(key: string, path: string, options: TransferOptions): Promise<{ size: number; sha256: string }>
  /** `create`: fails with kind `exists` where the key is taken (If-None-Match: *). */
  putBytes(key: string, body: Uint8Array, options: { signal: AbortSignal; create: boolean; contentType?: string }): Promise<void>
  getBytes(key: string, options: { signal: AbortSignal; maxBytes: number }): Promise<Uint8Array>
  /** Downloads into `path` (made anew, or emptied first) and returns the SHA-256 of the bytes received. Retries as `putFile` does. */
  getFile(key: string, path: string, options: TransferOptions): Promise<{ size: number; sha256: string }>
  getStream(key: string, options: { signal: AbortSignal }): Promise<Readable>
  head(key: string, options: { signal: AbortSignal }): Promise<ObjectHead>
  /** All objects below the prefix, sorted by key. */
  list(prefix: string, options: { signal: AbortSignal }): AsyncIterable<ObjectInfo>
  remove(key: string, options: { signal: AbortSignal }): Promise<void>
  close(): void
}
