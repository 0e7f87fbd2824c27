import { BucketError, type BucketErrorKind } from './door.ts'

/** Names of S3's and the SDK's errors that decide alone; everything else goes by HTTP status. */
const BY_NAME: Readonly<Record<string, BucketErrorKind>> = {
  NoSuchKey: 'missing',
  NotFound: 'missing',
  PreconditionFailed: 'exists',
  AccessDenied: 'denied',
  NoSuchBucket: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  KeyTooLongError: 'denied',
  // another conditional write is under way: its outcome is known a moment later
  ConditionalRequestConflict: 'transient',
  // a fresh credential is fetched for the next attempt
  ExpiredToken: 'transient',
  ExpiredTokenException: 'transient',
  CredentialsProviderError: 'transient',
  RequestTimeTooSkewed: 'transient',
  // bytes hurt on their way: the store has refused them, sent again they may be whole
  BadDigest: 'transient',
  XAmzContentSHA256Mismatch: 'transient',
  IncompleteBody: 'transient',
  RequestTimeout: 'transient',
  SlowDown: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  TooManyRequestsException: 'throttled',
}

/** Gives an SDK error our kind. `what` says what was tried, e.g. `put s3://b/key`. */
export function s3Error(error: unknown, what: string): BucketError {
  if (error instanceof BucketError) return error
  const name = nameOf(error)
  const detail = error instanceof Error && error.message !== '' ? error.message : name
  return new BucketError(kindOf(name, statusOf(error)), `${what}: ${name === detail ? name : `${name}: ${detail}`}`, { cause: error })
}

/** The multipart upload is unknown: aborted by a lifecycle rule, or completed by a request whose reply was lost. */
export function isNoSuchUpload(error: unknown): boolean {
  return nameOf(error) === 'NoSuchUpload' || (error instanceof BucketError && nameOf(error.cause) === 'NoSuchUpload')
}

export function isRetryable(error: unknown): boolean {
  return error instanceof BucketError && (error.kind === 'transient' || error.kind === 'throttled')
}

function kindOf(name: string, status: number | null): BucketErrorKind {
  const known = BY_NAME[name]
  if (known) return known
  if (status === null) return 'transient' // no answer at all: refused, reset, timed out, name not resolved
  if (status === 404) return 'missing'
  if (status === 412) return 'exists'
  if (status === 429 || status === 503) return 'throttled'
  if (status >= 500 || status === 408 || status === 409) return 'transient'
  if (status >= 400) return 'denied'
  return 'transient'
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown error'
}

function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return null
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null
}
