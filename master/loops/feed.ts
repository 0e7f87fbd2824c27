import type { Wakes } from './wakes.ts'

/** Tells followers (log tails, live sockets) that something was committed; at most once each 20 ms. */
export interface Feed {
  /** Returns the way to stop listening. */
  onChange(listener: () => void): () => void
}

const COALESCE_MS = 20

export function createFeed(wakes: Wakes, signal: AbortSignal): Feed {
  const listeners = new Set<() => void>()
  let timer: NodeJS.Timeout | null = null
  const tell = (): void => {
    timer = null
    for (const listener of listeners) listener()
  }
  const stop = wakes.on('feed', () => {
    if (listeners.size > 0) timer ??= setTimeout(tell, COALESCE_MS)
  })
  signal.addEventListener('abort', () => {
    stop()
    if (timer) clearTimeout(timer)
  })
  return {
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
