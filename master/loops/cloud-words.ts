import type { CloudFailure } from '../../protocol/words/instances.ts'
import { CloudError } from '../cloud/door.ts'

/** What EC2 said, in rows and events. */
export interface Refusal {
  kind: CloudFailure
  code: string
  text: string
}

const TEXT_MAX = 1_000

/** Anything that is no answer of EC2 (a connection that broke, a fault of our own) leaves the outcome unknown. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof CloudError) return { kind: error.kind, code: error.code, text: error.message.slice(0, TEXT_MAX) }
  return { kind: 'unavailable', code: error instanceof Error ? error.name : 'Error', text: String(error instanceof Error ? error.message : error).slice(0, TEXT_MAX) }
}

/**
 * EC2 may have made the instances all the same: the same call is made again with the same token. A mismatch of
 * parameters says that a first call with this token, made under another configuration, was taken.
 */
export function outcomeUnknown(refusal: Refusal): boolean {
  return refusal.kind === 'throttled' || refusal.kind === 'unavailable' || refusal.code === 'IdempotentParameterMismatch'
}
