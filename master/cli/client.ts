import { CliError, EXIT } from './fail.ts'
import { readLines } from './read-lines.ts'
import { failureOf, unreachable } from './response-errors.ts'

export type Query = Readonly<Record<string, string | number | boolean | readonly (string | number)[] | undefined>>

/** The master's HTTP API. Every call throws `CliError`; a lost network is exit 4. Types are what the API promises. */
export interface Client {
  readonly master: string
  /** null before the log-in */
  readonly token: string | null
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body?: unknown, timeoutMs?: number): Promise<T>
  /** The `result` objects of an ndjson stream, until the master ends it. */
  stream<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T>
  /** The body as bytes. */
  bytes(path: string, query: Query, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
}

export interface ClientOptions {
  master: string
  token: string | null
  signal: AbortSignal
  fetch?: typeof fetch
}

const TIMEOUT_MS = 30_000

export function createClient(options: ClientOptions): Client {
  const { master, token } = options
  const call = options.fetch ?? fetch

  async function send(path: string, query: Query, init: RequestInit): Promise<Response> {
    const headers = { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) }
    try {
      const response = await call(addressOf(master, path, query), { redirect: 'error', ...init, headers })
      if (!response.ok) throw await failureOf(response, master)
      return response
    } catch (error) {
      throw rephrase(error)
    }
  }

  function rephrase(error: unknown): unknown {
    if (error instanceof CliError) return error
    if (options.signal.aborted) return new CliError(EXIT.interrupted, 'interrupted', 'run the command again')
    return unreachable(error, master)
  }

  async function json<T>(path: string, query: Query, init: RequestInit, timeoutMs: number): Promise<T> {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)])
    const response = await send(path, query, { ...init, signal })
    let text: string
    try {
      text = await response.text()
    } catch (error) {
      throw rephrase(error)
    }
    return decode<T>(text, master)
  }

  return {
    master,
    token,
    get: (path, query = {}) => json(path, query, { method: 'GET' }, TIMEOUT_MS),
    post: (path, body, timeoutMs = TIMEOUT_MS) => json(path, {}, body === undefined ? { method: 'POST' } : { method: 'POST', body: JSON.stringify(body) }, timeoutMs),
    async *stream<T>(path: string, query: Query, signal: AbortSignal) {
      const response = await send(path, query, { method: 'GET', signal: AbortSignal.any([options.signal, signal]) })
      if (response.body === null) return
      try {
        for await (const line of readLines(response.body)) yield resultOf<T>(decode(line, master), master)
      } catch (error) {
        throw rephrase(error)
      }
    },
    async bytes(path, query, signal) {
      const response = await send(path, query, { method: 'GET', signal: AbortSignal.any([options.signal, signal]) })
      if (response.body === null) throw new CliError(EXIT.failed, 'the master sent no bytes', 'try again; if it stays so, look at the log of the master')
      return response.body
    },
  }
}

function addressOf(master: string, path: string, query: Query): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) parameters.append(key, String(one))
  }
  return `${master}${path}${parameters.size === 0 ? '' : `?${parameters.toString()}`}`
}

function decode<T>(text: string, master: string): T {
  try {
    return (text === '' ? {} : JSON.parse(text)) as T
  } catch {
    throw new CliError(EXIT.failed, `${master} answered with something that is not JSON`, 'check that -m names a Drover master and not another server')
  }
}

/** The master reports a fault in mid-stream as a last line in the form of its error answers. */
function resultOf<T>(line: { result?: T; message?: string; error?: { code?: number; message?: string } }, master: string): T {
  if (line.result !== undefined) return line.result
  const passing = [502, 503, 504].includes(line.error?.code ?? 0)
  throw new CliError(passing ? EXIT.unreachable : EXIT.failed, `${master} ended the stream: ${line.message ?? line.error?.message ?? 'no reason given'}`, 'run the command again')
}
