import { DockerError, ModelDefinitionError, nameDockerError } from './errors.ts'

const CALL_DEADLINE_MS = 30_000

/** One API call: its errors named, its time bounded also where the engine hangs and the client never hears of the abort. */
export async function callDocker<T>(what: string, body: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal, deadlineMs: number | null = CALL_DEADLINE_MS): Promise<T> {
  const ended = new AbortController()
  const timer = deadlineMs === null ? null : setTimeout(() => ended.abort(new DockerError('timeout', `Docker did not answer ${what} within ${deadlineMs / 1000} s: is the engine hung?`)), deadlineMs)
  const stop = (): void => ended.abort(new DockerError('aborted', `${what} was aborted`))
  outer?.addEventListener('abort', stop)
  if (outer?.aborted) stop()
  try {
    return await Promise.race([body(ended.signal), rejectOn(ended.signal)])
  } catch (error) {
    if (ended.signal.aborted && ended.signal.reason instanceof DockerError) throw ended.signal.reason
    throw error instanceof ModelDefinitionError ? error : nameDockerError(error)
  } finally {
    if (timer !== null) clearTimeout(timer)
    outer?.removeEventListener('abort', stop)
  }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
