import type { CloudFailure } from '../../protocol/words/instances.ts'
import { CloudError } from './door.ts'

/** Codes of EC2, of its front and of the SDK that decide alone. The rest goes by its pattern, then by HTTP status. */
const BY_CODE: Readonly<Record<string, CloudFailure>> = {
  // no such machine to be had just now
  InsufficientInstanceCapacity: 'capacity',
  InsufficientHostCapacity: 'capacity',
  InsufficientFreeAddressesInSubnet: 'capacity',
  UnfulfillableCapacity: 'capacity',
  ReservationCapacityExceeded: 'capacity',
  SpotMaxPriceTooLow: 'price',
  // the account may not have more of them
  VcpuLimitExceeded: 'quota',
  InstanceLimitExceeded: 'quota',
  MaxSpotInstanceCountExceeded: 'quota',
  // asked too often
  RequestLimitExceeded: 'throttled',
  EC2ThrottledException: 'throttled',
  PriorRequestNotComplete: 'throttled',
  SlowDown: 'throttled',
  TooManyRequestsException: 'throttled',
  // a person must let the master
  AccessDenied: 'permission',
  AccessDeniedException: 'permission',
  AuthFailure: 'permission',
  Blocked: 'permission',
  InvalidClientTokenId: 'permission',
  MissingAuthenticationToken: 'permission',
  OperationNotPermitted: 'permission',
  OptInRequired: 'permission',
  PendingVerification: 'permission',
  SignatureDoesNotMatch: 'permission',
  UnauthorizedOperation: 'permission',
  // a person must write something else
  IdempotentParameterMismatch: 'parameters',
  InvalidInstanceType: 'parameters',
  UnknownParameter: 'parameters',
  ValidationError: 'parameters',
  Unsupported: 'unsupported',
  UnsupportedOperation: 'unsupported',
  'InvalidInstanceID.NotFound': 'not-found',
  'InvalidInstanceID.Malformed': 'not-found',
  // its outcome is not known, or a moment later it may be well
  CredentialsProviderError: 'unavailable',
  ExpiredToken: 'unavailable',
  ExpiredTokenException: 'unavailable',
  RequestExpired: 'unavailable',
  InternalError: 'unavailable',
  InternalFailure: 'unavailable',
  ServiceUnavailable: 'unavailable',
  Unavailable: 'unavailable',
}

/** Families of codes, for the many that EC2 has and will have. */
const BY_PATTERN: readonly (readonly [RegExp, CloudFailure])[] = [
  [/^Insufficient/, 'capacity'],
  [/Throttl/, 'throttled'],
  [/LimitExceeded$/, 'quota'],
  [/^(AuthFailure|Unauthorized)/, 'permission'],
  [/^(Invalid|Missing|Malformed)/, 'parameters'],
  [/^Unsupported/, 'unsupported'],
]

/** Names an error of the SDK. `action` says what was asked, e.g. `RunInstances in us-east-1`; a mistake of our own goes on as it is. */
export function cloudError(error: unknown, action: string): CloudError {
  if (error instanceof CloudError) return error
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) throw error
  const status = statusOf(error)
  const code = codeOf(error, status)
  const words = wordsOf(error)
  return new CloudError(kindOf(code, status), code, status === null ? `${action} got no answer: ${words || code}` : words || `${action} was answered with HTTP status ${status}`, { cause: error })
}

/** Kind by code, else by HTTP status; null = there was no answer. */
export function kindOf(code: string, status: number | null): CloudFailure {
  const known = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : BY_PATTERN.find(([pattern]) => pattern.test(code))?.[1]
  if (known !== undefined) return known
  if (status === 429) return 'throttled'
  if (status === 401 || status === 403) return 'permission'
  // an answer that says yes and cannot be read tells nothing of what was done
  if (status === null || status < 400 || status === 408 || status >= 500) return 'unavailable'
  return 'parameters'
}

/** EC2's code; without an answer the system's (`ECONNRESET`) or the SDK's (`TimeoutError`). */
function codeOf(error: unknown, status: number | null): string {
  if (!(error instanceof Error)) return 'UnknownError'
  if (status === null && 'code' in error && typeof error.code === 'string') return error.code
  return error.name === 'Error' && status !== null ? `Http${status}` : error.name
}

/** EC2 adds some hundred characters that only its own decoder can read. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  return error.message.replace(/\s*Encoded authorization failure message: \S+/, '').trim()
}

function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return null
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null
}
