import { createContext, use, useEffect, useSyncExternalStore } from 'react'
import type { LiveConnection} from './connection.ts';
import { type LiveStatus, type OpenSocket } from './connection.ts'

export const LiveContext = createContext<LiveConnection | null>(null)

/** The page's one live connection. */
export function useLive(): LiveConnection {
  const live = use(LiveContext)
  if (live === null) throw new Error('useLive needs a LiveContext above it')
  return live
}

export function useLiveStatus(): LiveStatus {
  const live = useLive()
  return useSyncExternalStore(live.watch, () => live.status)
}

/** Retries as soon as the network is back or the page is seen again. */
export function useRetryOnReturn(): void {
  const live = useLive()
  useEffect(() => {
    const retry = (): void => {
      if (!document.hidden) live.retryNow()
    }
    window.addEventListener('online', retry)
    document.addEventListener('visibilitychange', retry)
    return () => {
      window.removeEventListener('online', retry)
      document.removeEventListener('visibilitychange', retry)
    }
  }, [live])
}

/** A WebSocket to the master that served this page; the cookie of the login is its credential. */
export const openWebSocket: OpenSocket = (hooks) => {
  const url = new URL('/api/v1/drover/live', window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  socket.onopen = hooks.opened
  socket.onmessage = (event) => hooks.message(String(event.data))
  socket.onclose = hooks.closed
  return socket
}
