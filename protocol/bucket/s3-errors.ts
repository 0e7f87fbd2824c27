import { BucketError, type BucketErrorKind } from './door.ts'

const BY_NAME: Readonly<Record<string, BucketErrorKind>> = {
  NoSuchKey: 'missing', NotFound: 'missing', NoSuchUpload: 'missing', NoSuchBucket: 'denied',
  PreconditionFailed: 'exists', ConditionalRequestConflict: 'transient',
  AccessDenied: 'denied', InvalidAccessKeyId: 'denied', SignatureDoesNotMatch: 'denied', CredentialsProviderError: 'denied',
  SlowDown: 'throttled', RequestLimitExceeded: 'throttled', TooManyRequestsException: 'throttled',
  BadDigest: 'corrupt', XAmzContentChecksumMismatch: 'corrupt',
}

/** Names an error of the SDK; what is unknown counts as transient, since a lost checkpoint is worse than a late one. */
export function namedS3Error(error: unknown, key: string): Error {
  if (error instanceof BucketError) return error
  if (!(error instanceof Error)) return new BucketError('transient', String(error))
  if (error.name === 'AbortError') return error
  const status = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined
  const kind = BY_NAME[error.name] ?? byStatus(status)
  return new BucketError(kind, `${key}: ${error.name}: ${error.message}`, { cause: error })
}

function byStatus(status: number | undefined): BucketErrorKind {
  if (status === 404) return 'missing'
  if (status === 412) return 'exists'
  if (status === 401 || status === 403) return 'denied'
  if (status === 429 || status === 503) return 'throttled'
  return 'transient'
}
