/** Time as a parameter: wall time for people, monotonic time for durations. Both in milliseconds. */
export interface Clock {
  wallMs(): number
  monotonicMs(): number
  /** Resolves after `ms` or when `signal` aborts, whichever is first; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
    }),
}
