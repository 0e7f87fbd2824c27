import { useEffect, useMemo, useState } from 'react'
import { useLive } from '../live/use-live.ts'
import { type Chart, MetricStore } from './metric-store.ts'

/** The curves of a trial, followed live. */
export function useMetrics(trialId: number): { charts: readonly Chart[]; version: number; ended: boolean; error: string | null } {
  const live = useLive()
  const store = useMemo(() => new MetricStore(), [trialId])
  const [version, setVersion] = useState(0)
  const [ended, setEnded] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    let frame = 0
    const stop = live.subscribe({ name: 'metrics', trialId, after: store.lastId }, {
      items: (reports) => {
        setError(null)
        store.append(reports)
        frame ||= requestAnimationFrame(() => {
          frame = 0
          setVersion(store.version)
        })
      },
      end: () => setEnded(true),
      error: setError,
    })
    return () => {
      stop()
      cancelAnimationFrame(frame)
    }
  }, [live, store, trialId])
  // The store is changed in place: `version` says when.
  const charts = useMemo(() => (version === 0 && store.isEmpty ? [] : store.charts()), [store, version])
  return { charts, version, ended, error }
}
