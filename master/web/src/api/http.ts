/** One door to the master: JSON in, JSON out, each failure an `ApiError` with a cure. */

export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status; 0 when no answer came */
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * @returns the answer's JSON, trusted to have the shape that the route promises.
 * @throws ApiError with the master's own words, or what to do when the master did not answer.
 */
export async function requestJson<T>(method: 'GET' | 'POST', path: string, options: { body?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET') {
    // A form of another site cannot set this header: it proves that the request comes from this page.
    headers['x-drover'] = '1'
    headers['content-type'] = 'application/json'
  }
  const init: RequestInit = { method, headers, credentials: 'same-origin' }
  if (options.signal) init.signal = options.signal
  if (method !== 'GET') init.body = JSON.stringify(options.body ?? {})
  const response = await answerOf(path, init)
  const text = await response.text()
  if (!response.ok) throw new ApiError(response.status, messageOf(text) ?? fallbackMessage(response.status, path))
  return parse(text, path) as T
}

async function answerOf(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, 'The master does not answer. Check that it runs and that this machine reaches it; this page tries again by itself.')
  }
}

function parse(text: string, path: string): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError(502, `The answer to ${path} is no JSON. A proxy between this page and the master may have answered instead.`)
  }
}

/** `message`, `error` or `error.message`, whichever the body has. */
export function messageOf(text: string): string | null {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof body !== 'object' || body === null) return null
  const { message, error } = body as { message?: unknown; error?: unknown }
  if (typeof message === 'string' && message !== '') return message
  if (typeof error === 'object' && error !== null && typeof (error as { message?: unknown }).message === 'string') return (error as { message: string }).message
  return typeof error === 'string' ? error : null
}

function fallbackMessage(status: number, path: string): string {
  if (status === 401) return 'You are not logged in, or the session has ended. Log in again.'
  if (status === 403) return 'Your account may not do this. Ask an administrator.'
  if (status === 404) return `The master knows no ${path}.`
  if (status === 503) return 'The master is starting or has lost its database. This page tries again by itself.'
  return `The master answered ${path} with status ${status} and no explanation. Its log says more.`
}
