/**
 * Runs work with at most `atOnce` at a time, in order within one key, and refuses more than `perKey` waiting for a
 * key or `total` altogether: the sender tries again, its outbox loses nothing.
 */
export interface Lanes {
  /** False = refused. `work` must not throw. */
  run(key: string, work: () => Promise<void>): boolean
  /** Resolves when nothing is waiting or running. */
  idle(): Promise<void>
}

export function createLanes(options: { atOnce: number; perKey: number; total: number }): Lanes {
  const queues = new Map<string, (() => Promise<void>)[]>()
  const ready: string[] = []
  let running = 0
  let waiting = 0
  let onIdle: (() => void)[] = []

  const pump = (): void => {
    while (running < options.atOnce) {
      const key = ready.shift()
      if (key === undefined) break
      const work = queues.get(key)?.[0]
      if (!work) continue
      running += 1
      void work().finally(() => done(key))
    }
    if (running === 0 && waiting === 0) {
      for (const tell of onIdle.splice(0)) tell()
      onIdle = []
    }
  }
  const done = (key: string): void => {
    running -= 1
    waiting -= 1
    const queue = queues.get(key)
    queue?.shift()
    if (queue && queue.length > 0) ready.push(key)
    else queues.delete(key)
    pump()
  }

  return {
    run(key, work) {
      const queue = queues.get(key) ?? []
      if (queue.length >= options.perKey || waiting >= options.total) return false
      waiting += 1
      queue.push(work)
      queues.set(key, queue)
      if (queue.length === 1) ready.push(key)
      pump()
      return true
    },
    idle: () => new Promise((resolve) => (running === 0 && waiting === 0 ? resolve() : void onIdle.push(resolve))),
  }
}
