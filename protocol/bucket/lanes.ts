/** At most `count` holders at a time, first come first served. */
export interface Lanes {
  enter(signal: AbortSignal): Promise<() => void>
}

export function createLanes(count: number): Lanes {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async enter(signal) {
      signal.throwIfAborted()
      if (free > 0) free -= 1
      else await turn(signal)
      return leaveOnce()
    },
  }

  function turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const granted = (): void => {
        signal.removeEventListener('abort', aborted)
        resolve()
      }
      const aborted = (): void => {
        waiting.splice(waiting.indexOf(granted), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', aborted, { once: true })
      waiting.push(granted)
    })
  }

  function leaveOnce(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

/** Runs `work` over all items, at most `count` at a time; the first failure aborts the others and is thrown once all have ended. */
export async function inParallel<T>(items: Iterable<T>, count: number, signal: AbortSignal, work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  const failed = new AbortController()
  const both = AbortSignal.any([signal, failed.signal])
  const runners = Array.from({ length: count }, async () => {
    for (let next = iterator.next(); !next.done && !both.aborted; next = iterator.next()) {
      try {
        await work(next.value, both)
      } catch (error) {
        if (!failed.signal.aborted) failed.abort(error)
        return
      }
    }
  })
  await Promise.all(runners)
  both.throwIfAborted()
}
