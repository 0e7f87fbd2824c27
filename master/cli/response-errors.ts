import { CliError, EXIT } from './fail.ts'
import { neutralName } from './neutral.ts'

interface ErrorBody {
  message?: unknown
  error?: unknown
  /** every mistake, where there may be several */
  details?: unknown
}

/** A refusal by the master, in its own words, with the cure its status suggests. */
export async function failureOf(response: Response, master: string): Promise<CliError> {
  const text = await response.text().catch(() => '')
  const said = wordsOf(text).flatMap((words) => words.split('\n')).map(neutralName).join('\n  ').slice(0, 8000)
  const { status } = response
  if (status === 401) return new CliError(EXIT.denied, said || 'not logged in, or the session has ended', `run: drover login -m ${master}`)
  if (status === 403) return new CliError(EXIT.denied, said || 'this is not allowed for you', 'log in as a user who may do this, or ask an administrator')
  if (status === 404) return new CliError(EXIT.failed, said || 'not found', 'check the id; lists show what there is')
  if (status === 413) return new CliError(EXIT.failed, said || 'the request is too large for the master', 'send a smaller directory: name what is not needed in .droverignore')
  if (status === 502 || status === 503 || status === 504) return new CliError(EXIT.unreachable, said || `the master is not ready (HTTP ${status})`, `wait and try again; ${master}/health tells when it is ready`)
  if (status >= 500) return new CliError(EXIT.failed, said || `the master failed (HTTP ${status})`, 'look at the log of the master')
  return new CliError(EXIT.failed, said || `the master refused the request (HTTP ${status})`, 'mend what the message names and try again')
}

/** The message, then each detail that it does not hold already. */
function wordsOf(text: string): string[] {
  let body: ErrorBody | null
  try {
    body = JSON.parse(text) as ErrorBody | null
  } catch {
    return []
  }
  const message = messageOf(body ?? {})
  const details: unknown[] = Array.isArray(body?.details) ? body.details : []
  const more = details.map(detailOf).filter((detail) => detail !== '' && !message.includes(detail))
  return message === '' ? more : [message, ...more]
}

function messageOf({ error, message }: ErrorBody): string {
  if (typeof message === 'string' && message !== '') return message
  if (typeof error !== 'object' || error === null) return typeof error === 'string' ? error : ''
  const inner = error as { error?: unknown; message?: unknown; reason?: unknown }
  const words = [inner.error, inner.message, inner.reason].find((one) => typeof one === 'string' && one !== '')
  return typeof words === 'string' ? words : ''
}

function detailOf(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return ''
  const { path, message } = detail as { path?: unknown; message?: unknown }
  if (typeof message !== 'string') return ''
  return typeof path === 'string' && path !== '' ? `${path}: ${message}` : message
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ECONNRESET: 'the connection was cut',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'no way to that host',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'nothing came for a long time',
}

export function unreachable(error: unknown, master: string): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError'
  const why = timedOut ? 'no answer in time' : (CAUSES[code] ?? (cause instanceof Error ? neutralName(cause.message) : 'unknown cause'))
  return new CliError(EXIT.unreachable, `cannot reach the master at ${master}: ${why}`, 'check the address (-m or DROVER_MASTER) and that the master runs')
}
