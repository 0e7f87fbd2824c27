import type { ConfigMistake } from '../../protocol/words/experiment-config.ts'
import type { ApiError as ApiErrorBody } from '../../protocol/wire/api.ts'

const REASONS: Readonly<Record<number, string>> = {
  400: 'InvalidArgument', 401: 'Unauthenticated', 403: 'PermissionDenied', 404: 'NotFound', 405: 'Unimplemented', 406: 'InvalidArgument', 409: 'FailedPrecondition',
  413: 'InvalidArgument', 415: 'InvalidArgument', 429: 'ResourceExhausted', 500: 'Internal', 502: 'Unavailable', 503: 'Unavailable',
}

/** An answer that is not 2xx. The message is for a person: it names the field or the thing, and the cure. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault'
  readonly status: number
  readonly details: readonly ConfigMistake[] | null
  /** seconds, for Retry-After */
  readonly retryAfter: number | null
  constructor(status: number, message: string, more: { details?: readonly ConfigMistake[]; retryAfter?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause })
    this.status = status
    this.details = more.details ?? null
    this.retryAfter = more.retryAfter ?? null
  }
}

/** Determined's error body, so that the `det` client finds its words. */
export function errorBody(status: number, message: string, details: readonly ConfigMistake[] | null): ApiErrorBody {
  const reason = REASONS[status] ?? (status < 500 ? 'InvalidArgument' : 'Internal')
  return { error: { code: status, reason, error: message }, message, ...(details ? { details: details.map((d) => ({ path: d.path, message: d.message })) } : {}) }
}

export function notFound(what: string, id: string | number): ApiFault {
  return new ApiFault(404, `${what} ${id} was not found: check the id, or list what there is`)
}
