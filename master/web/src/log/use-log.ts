import { useEffect, useMemo, useState } from 'react'
import { useLive } from '../live/use-live.ts'
import { LogStore, MAX_ROWS } from './log-store.ts'

interface LogFeed {
  store: LogStore
  /** grows as lines come: what makes the view draw again */
  version: number
  ended: boolean
  error: string | null
}

/** Follows the log of a task; of a very long one the newest lines only. */
export function useLog(trialId: number, taskId: string): LogFeed {
  const live = useLive()
  const store = useMemo(() => new LogStore(), [taskId])
  const [version, setVersion] = useState(0)
  const [ended, setEnded] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    const aborter = new AbortController()
    let stop = (): void => undefined
    let frame = 0
    const draw = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        setVersion((before) => before + 1)
      })
    }
    void newestLine(trialId, aborter.signal).then((newest) => {
      if (aborter.signal.aborted) return
      stop = live.subscribe({ name: 'logs', taskId, after: Math.max(store.lastId, newest - MAX_ROWS, 0) }, {
        items: (lines) => {
          setError(null)
          store.append(lines)
          draw()
        },
        end: () => setEnded(true),
        error: setError,
      })
    })
    return () => {
      aborter.abort()
      stop()
      cancelAnimationFrame(frame)
    }
  }, [live, store, trialId, taskId])
  return { store, version, ended, error }
}

/**
 * Number of the newest line, by asking for one line from the end; 0 where that is not to be had. It only decides where
 * to begin: from the first line is right too, and slower.
 */
async function newestLine(trialId: number, signal: AbortSignal): Promise<number> {
  try {
    const response = await fetch(`/api/v1/trials/${trialId}/logs?limit=1&orderBy=ORDER_BY_DESC`, { signal, credentials: 'same-origin' })
    if (!response.ok) return 0
    const first = (await response.text()).split('\n', 1)[0] ?? ''
    const id = Number((JSON.parse(first) as { result?: { id?: unknown } }).result?.id)
    return Number.isSafeInteger(id) && id > 0 ? id : 0
  } catch {
    return 0
  }
}
