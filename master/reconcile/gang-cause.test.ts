import { describe, expect, test } from 'vitest'
import type { ExitKind } from '../../protocol/words/failures.ts'
import { isRatherCause } from './gang-cause.ts'

const end = (kind: ExitKind, at: number) => ({ kind, at })

describe('the cause of a gang\'s end', () => {
  test.each<[string, ReturnType<typeof end>, ReturnType<typeof end> | null, boolean]>([
    ['the first that is heard', end('completed', 5), null, true],
    ['a failure before a good end', end('user-error', 9), end('completed', 5), true],
    ['never a good end before a failure', end('completed', 1), end('user-error', 5), false],
    ['the earlier error, also where it is heard later', end('user-error', 4), end('user-error', 5), true],
    ['not the later one', end('user-error', 6), end('user-error', 5), false],
    ['not one of the same moment', end('user-error', 5), end('user-error', 5), false],
    ['a host that is lost before the error of a rank that missed it', end('lost', 300), end('user-error', 5), true],
    ['a container that vanished likewise', end('vanished', 9), end('user-error', 5), true],
    ['no error of a rank before a host that is lost', end('user-error', 1), end('lost', 300), false],
    ['memory that ran out is no consequence of a loss', end('lost', 300), end('oom', 5), false],
    ['an image that is not to be had neither', end('lost', 300), end('image', 5), false],
    ['who was stopped came after the cause, whatever its clock says', end('stopped', 4), end('user-error', 5), false],
    ['who wants to go again, before who broke by it', end('preempted', 4), end('user-error', 5), true],
  ])('%s', (_what, next, known, cause) => {
    expect(isRatherCause(next, known)).toBe(cause)
  })
})
