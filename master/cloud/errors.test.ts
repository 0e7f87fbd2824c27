import { describe, expect, test } from 'vitest'
import { CLOUD_FAILURES, type CloudFailure } from '../../protocol/words/instances.ts'
import { cureOf } from './cures.ts'
import { CloudError } from './door.ts'
import { cloudError, kindOf } from './errors.ts'

/** An error as the SDK makes it of EC2's answer. */
function answered(code: string, status: number, message = 'words of EC2'): Error {
  return Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode: status } })
}

const TABLE: readonly (readonly [code: string, status: number, kind: CloudFailure])[] = [
  ['InsufficientInstanceCapacity', 500, 'capacity'], ['InsufficientHostCapacity', 500, 'capacity'], ['InsufficientCapacity', 500, 'capacity'],
  ['InsufficientFreeAddressesInSubnet', 400, 'capacity'], ['UnfulfillableCapacity', 500, 'capacity'], ['ReservationCapacityExceeded', 400, 'capacity'],
  ['SpotMaxPriceTooLow', 400, 'price'],
  ['VcpuLimitExceeded', 400, 'quota'], ['InstanceLimitExceeded', 400, 'quota'], ['MaxSpotInstanceCountExceeded', 400, 'quota'], ['VolumeLimitExceeded', 400, 'quota'],
  ['RequestLimitExceeded', 503, 'throttled'], ['Throttling', 400, 'throttled'], ['ThrottlingException', 400, 'throttled'], ['RequestThrottled', 400, 'throttled'],
  ['EC2ThrottledException', 503, 'throttled'], ['TooManyRequestsException', 429, 'throttled'],
  ['UnauthorizedOperation', 403, 'permission'], ['AuthFailure', 401, 'permission'], ['AuthFailure.ServiceLinkedRoleCreationNotPermitted', 403, 'permission'],
  ['InvalidClientTokenId', 403, 'permission'], ['SignatureDoesNotMatch', 403, 'permission'], ['OptInRequired', 401, 'permission'], ['PendingVerification', 400, 'permission'],
  ['OperationNotPermitted', 400, 'permission'],
  ['InvalidParameterValue', 400, 'parameters'], ['InvalidParameterCombination', 400, 'parameters'], ['InvalidAMIID.NotFound', 400, 'parameters'],
  ['InvalidSubnetID.NotFound', 400, 'parameters'], ['InvalidInstanceType', 400, 'parameters'], ['MissingParameter', 400, 'parameters'],
  ['UnknownParameter', 400, 'parameters'], ['MalformedQueryString', 400, 'parameters'], ['IdempotentParameterMismatch', 400, 'parameters'], ['InvalidBlockDeviceMapping', 400, 'parameters'],
  ['Unsupported', 400, 'unsupported'], ['UnsupportedOperation', 400, 'unsupported'], ['UnsupportedHostConfiguration', 400, 'unsupported'],
  ['InvalidInstanceID.NotFound', 400, 'not-found'], ['InvalidInstanceID.Malformed', 400, 'not-found'],
  ['InternalError', 500, 'unavailable'], ['ServiceUnavailable', 503, 'unavailable'], ['Unavailable', 503, 'unavailable'], ['ExpiredToken', 400, 'unavailable'],
  // codes that nobody has met yet go by the status
  ['Marmalade', 500, 'unavailable'], ['Marmalade', 502, 'unavailable'], ['Marmalade', 429, 'throttled'], ['Marmalade', 403, 'permission'], ['Marmalade', 400, 'parameters'],
  ['Marmalade', 408, 'unavailable'], ['UnknownError', 502, 'unavailable'], ['Marmalade', 200, 'unavailable'], ['constructor', 400, 'parameters'],
]

describe('an error of EC2', () => {
  test.each(TABLE)('%s with status %i is `%s`', (code, status, kind) => {
    const named = cloudError(answered(code, status), 'RunInstances in us-east-1')
    expect(named).toMatchObject({ name: 'CloudError', kind, code, message: 'words of EC2' })
    expect(named.cause).toBeInstanceOf(Error)
    expect(cureOf(kind, code).length).toBeGreaterThan(20)
  })

  test('no answer at all is `unavailable`, with the code of the system', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    expect(cloudError(reset, 'RunInstances in us-east-1')).toMatchObject({ kind: 'unavailable', code: 'ECONNRESET', message: 'RunInstances in us-east-1 got no answer: read ECONNRESET' })
    expect(cloudError(Object.assign(new Error(''), { name: 'TimeoutError' }), 'X')).toMatchObject({ kind: 'unavailable', code: 'TimeoutError', message: 'X got no answer: TimeoutError' })
    expect(cloudError('thrown text', 'X')).toMatchObject({ kind: 'unavailable', code: 'UnknownError' })
    expect(kindOf('CredentialsProviderError', null)).toBe('unavailable')
  })

  test('named once, it keeps its name; a mistake in the code is no answer of EC2', () => {
    const named = new CloudError('quota', 'VcpuLimitExceeded', 'words')
    expect(cloudError(named, 'X')).toBe(named)
    expect(() => cloudError(new TypeError('x is undefined'), 'X')).toThrow(TypeError)
  })

  test('what only AWS can decode is left out of the message', () => {
    const denied = answered('UnauthorizedOperation', 403, `You are not authorized: no policy allows ec2:RunInstances. Encoded authorization failure message: ${'Ab-_9'.repeat(200)}`)
    expect(cloudError(denied, 'X').message).toBe('You are not authorized: no policy allows ec2:RunInstances.')
  })

  test('every kind has a cure, and some codes a better one', () => {
    for (const kind of CLOUD_FAILURES) expect(cureOf(kind, 'Marmalade').length).toBeGreaterThan(20)
    expect(cureOf('quota', 'VcpuLimitExceeded')).toContain('Service Quotas, Amazon EC2')
    expect(cureOf('quota', 'VcpuLimitExceeded')).not.toBe(cureOf('quota', 'MaxSpotInstanceCountExceeded'))
    expect(cureOf('permission', 'toString')).toBe(cureOf('permission', 'Marmalade'))
  })
})
