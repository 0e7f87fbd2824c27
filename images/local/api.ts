import { execFileSync } from 'node:child_process'

/** The little of the API that the demo speaks itself. */
export interface Api {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
  /** ndjson `result` lines until the stream ends */
  lines<T>(path: string, signal: AbortSignal, onLine: (line: T) => void): Promise<void>
}

export function openApi(url: string, token: string): Api {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const call = async <T>(path: string, init: RequestInit): Promise<T> => {
    const reply = await fetch(url + path, { ...init, headers })
    const body = (await reply.json()) as T & { message?: string }
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${body.message ?? ''}`)
    return body
  }
  return {
    get: (path) => call(path, {}),
    post: (path, body) => call(path, { method: 'POST', body: JSON.stringify(body) }),
    lines: (path, signal, onLine) => readLines(url + path, headers, signal, onLine),
  }
}

async function readLines<T>(url: string, headers: Record<string, string>, signal: AbortSignal, onLine: (line: T) => void): Promise<void> {
  const reply = await fetch(url, { headers, signal })
  if (!reply.ok || !reply.body) throw new Error(`${url}: ${reply.status}`)
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part !== '') onLine((JSON.parse(part) as { result: T }).result)
  }
}

/** The directory as a gzipped tar, base64. */
export function packDirectory(path: string): string {
  return execFileSync('tar', ['-czf', '-', '--exclude=__pycache__', '-C', path, '.'], { maxBuffer: 1 << 27 }).toString('base64')
}

