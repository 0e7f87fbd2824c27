import { BucketError, type BucketErrorKind } from './door.ts'

const KINDS: Readonly<Record<string, BucketErrorKind>> = {
  ENOENT: 'missing',
  EISDIR: 'missing',
  EEXIST: 'exists',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOTDIR: 'denied',
  ENAMETOOLONG: 'denied',
  ELOOP: 'denied',
  ENOSPC: 'full',
  EDQUOT: 'full',
}

/** Gives a file system error of the bucket's own directory our kind. */
export function directoryError(error: unknown, what: string): BucketError {
  if (error instanceof BucketError) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return new BucketError((code === null ? undefined : KINDS[code]) ?? 'transient', `${what}: ${message}`, { cause: error })
}

export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
