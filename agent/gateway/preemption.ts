/** Whether the run was asked to save and stop, and who waits to hear of it. */
export interface Preemption {
  isAsked(): boolean
  ask(): void
  /** True as soon as it is asked; false after `ms` or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<boolean>
}

export function createPreemption(asked: boolean): Preemption {
  const waiting = new Set<() => void>()
  return {
    isAsked: () => asked,
    ask() {
      asked = true
      for (const wake of waiting) wake()
    },
    wait(ms, signal) {
      if (asked || ms <= 0 || signal.aborted) return Promise.resolve(asked)
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve(asked)
        }
        const timer = setTimeout(done, ms)
        waiting.add(done)
        signal.addEventListener('abort', done)
      })
    },
  }
}
