import type { Clock } from '../../protocol/kit/clock.ts'
import { CloudError } from './door.ts'
import { cloudError } from './errors.ts'
import { createThrottle } from './throttle.ts'

/** One request of the SDK: its promise ends when `abortSignal` does. */
export type Request<T> = (options: { abortSignal: AbortSignal }) => Promise<T>
/** Sends one request: a token first, then the call. */
export type Send = <T>(request: Request<T>) => Promise<T>

export interface Caller {
  /** `pass` and all it sends within one deadline; what goes wrong is a CloudError. */
  call<T>(action: string, pass: (send: Send) => Promise<T>): Promise<T>
}

export interface CallerOptions {
  region: string
  clock: Clock
  /** the master stops: every call ends at once */
  signal: AbortSignal
  deadlineMs: number
}

export function createCaller({ region, clock, signal, deadlineMs }: CallerOptions): Caller {
  const throttle = createThrottle(clock)

  return {
    async call(action, pass) {
      const what = `${action} in ${region}`
      const late = new AbortController()
      const done = new AbortController()
      const abortSignal = AbortSignal.any([signal, late.signal])
      void clock.sleep(deadlineMs, done.signal).then(() => late.abort())
      const send: Send = async (request) => {
        await throttle.take(action, abortSignal)
        if (abortSignal.aborted) throw new CloudError('unavailable', signal.aborted ? 'Stopped' : 'Deadline', `${what} was not asked: ${signal.aborted ? 'the master stops' : 'too many calls waited before it'}`)
        return request({ abortSignal })
      }
      try {
        return await pass(send)
      } catch (error) {
        if (!(error instanceof CloudError) && abortSignal.aborted) {
          throw new CloudError('unavailable', signal.aborted ? 'Stopped' : 'Deadline', `${what} got no answer: ${signal.aborted ? 'the master stops' : `${deadlineMs / 1_000} s are over`}`, { cause: error })
        }
        const named = cloudError(error, what)
        if (named.kind === 'throttled') throttle.empty(action)
        throw named
      } finally {
        done.abort()
      }
    },
  }
}
