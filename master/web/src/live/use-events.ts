import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { createContext, use, useEffect, useState } from 'react'
import type { LiveEvent } from '../../../../protocol/wire/live.ts'
import { newestEvents } from '../api/queries.ts'
import { useLive } from './use-live.ts'

/** Events kept in the page; the newest. */
const KEPT = 500
/** One change of state makes several events: they are answered by one refetch. */
const REFRESH_MS = 250

export const EventsContext = createContext<readonly LiveEvent[]>([])

/** The cluster's newest events, oldest first. */
export function useClusterEvents(): readonly LiveEvent[] {
  return use(EventsContext)
}

/** Follows all events of the cluster; each makes the queries it concerns fetch again. */
export function useEventFeed(): readonly LiveEvent[] {
  const live = useLive()
  const queryClient = useQueryClient()
  const [events, setEvents] = useState<readonly LiveEvent[]>([])
  useEffect(() => {
    const aborter = new AbortController()
    const refresh = refresher(queryClient)
    let stop = (): void => undefined
    const follow = (first: readonly LiveEvent[], after: number): void => {
      if (aborter.signal.aborted) return
      setEvents(first)
      stop = live.subscribe({ name: 'events', after }, {
        items: (items) => {
          setEvents((before) => joined(before, items))
          refresh.note(items)
        },
      })
    }
    queryClient
      .fetchQuery({ ...newestEvents(), staleTime: 0 })
      .then((answer) => follow(answer.events.toSorted((a, b) => a.id - b.id), answer.cursor))
      // The feed is still of use without its past; the queries themselves say what is wrong with the master.
      .catch(() => follow([], 0))
    return () => {
      aborter.abort()
      stop()
      refresh.stop()
    }
  }, [live, queryClient])
  return events
}

/** All events of one experiment, oldest first. */
export function useExperimentEvents(experimentId: number): { events: readonly LiveEvent[]; error: string | null } {
  const live = useLive()
  const [events, setEvents] = useState<readonly LiveEvent[]>([])
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    setEvents([])
    setError(null)
    return live.subscribe({ name: 'events', after: 0, experimentId }, {
      items: (items) => setEvents((before) => joined(before, items)),
      error: setError,
    })
  }, [live, experimentId])
  return { events, error }
}

/** Ids only grow; what is there already is not taken twice. */
export function joined(before: readonly LiveEvent[], items: readonly LiveEvent[]): readonly LiveEvent[] {
  const newest = before.at(-1)?.id ?? 0
  const fresh = items.filter((item) => item.id > newest)
  return fresh.length === 0 ? before : before.concat(fresh).slice(-KEPT)
}

function refresher(queryClient: QueryClient): { note: (items: readonly LiveEvent[]) => void; stop: () => void } {
  const experiments = new Set<number>()
  let agents = false
  let herd = false
  let timer: ReturnType<typeof setTimeout> | null = null
  const run = (): void => {
    timer = null
    if (experiments.size > 0) void queryClient.invalidateQueries({ queryKey: ['experiments'] })
    for (const id of experiments) void queryClient.invalidateQueries({ queryKey: ['experiment', id] })
    if (agents) void queryClient.invalidateQueries({ queryKey: ['agents'] })
    if (herd) void queryClient.invalidateQueries({ queryKey: ['herd'] })
    experiments.clear()
    agents = false
    herd = false
  }
  return {
    note: (items) => {
      for (const item of items) {
        if (item.experimentId !== null) experiments.add(item.experimentId)
        // An allocation takes or frees slots.
        if (item.agentId !== null || item.allocationId !== null) agents = true
        // What waits, what runs and what idles is shown with pools and instances; an alarm names neither.
        if (item.instanceId || item.pool || item.allocationId !== null || /^(alarm|brake)/.test(item.kind)) herd = true
      }
      timer ??= setTimeout(run, REFRESH_MS)
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer)
    },
  }
}
