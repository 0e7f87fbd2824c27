import type { Log } from '../../protocol/kit/log.ts'

/**
 * Calls to the outside that outlive the pass that began them, so that one slow region holds up no other. One at a time
 * for each key. One that fails is logged; whoever began it looks at the rows again in the next pass.
 */
export interface Background {
  /** False: the one with this key still runs, nothing was begun. */
  start(key: string, work: () => Promise<void>): boolean
  has(key: string): boolean
  /** Resolves when nothing runs any more. */
  settled(): Promise<void>
}

export function createBackground(log: Log): Background {
  const running = new Map<string, Promise<void>>()
  return {
    has: (key) => running.has(key),
    start(key, work) {
      if (running.has(key)) return false
      const ended = work()
        .catch((error: unknown) => log.warn({ key, err: error }, 'work in the background failed, the next pass looks again'))
        .finally(() => void running.delete(key))
      running.set(key, ended)
      return true
    },
    async settled() {
      while (running.size > 0) await Promise.all(running.values())
    },
  }
}
