import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import type { ApiAlarms, ApiInstanceDetails, ApiInstances, ApiPools, ApiWhyInstance } from '../../../../protocol/wire/api.ts'
import { bareState } from '../words/states.ts'
import { requestJson } from './http.ts'
import type {
  AgentsAnswer, CheckpointFilesAnswer, CheckpointsAnswer, CurvesAnswer, EventsAnswer, ExperimentAnswer, ExperimentsAnswer, OpenApi, TrialAnswer, TrialsAnswer, User, WhyAnswer,
} from './shapes.ts'

/**
 * Every GET of this page. Events refetch what they concern; the intervals below are for what makes no event
 * (progress, last seen) and for the time without a live connection.
 */
const SLOW_MS = 10_000

interface ExperimentsFilter {
  name: string
  /** bare state names; empty = all */
  states: readonly string[]
  limit: number
}

export function meQuery() {
  return queryOptions({
    queryKey: ['me'],
    queryFn: ({ signal }) => requestJson<{ user: User }>('GET', '/api/v1/me', { signal }),
    staleTime: 60_000,
  })
}

export function experimentsQuery(filter: ExperimentsFilter) {
  const params = new URLSearchParams({ limit: String(filter.limit), offset: '0', sortBy: 'SORT_BY_ID', orderBy: 'ORDER_BY_DESC' })
  // A number may be an id: the master looks for it in names only, so the page itself looks through what is loaded.
  if (filter.name !== '' && !/^#?\d+$/.test(filter.name)) params.set('name', filter.name)
  for (const state of filter.states) params.append('states', `STATE_${bareState(state)}`)
  return queryOptions({
    queryKey: ['experiments', params.toString()],
    queryFn: ({ signal }) => requestJson<ExperimentsAnswer>('GET', `/api/v1/experiments?${params}`, { signal }),
    refetchInterval: SLOW_MS,
    placeholderData: keepPreviousData,
  })
}

export function experimentQuery(id: number) {
  return queryOptions({
    queryKey: ['experiment', id],
    queryFn: ({ signal }) => requestJson<ExperimentAnswer>('GET', `/api/v1/experiments/${id}`, { signal }),
    refetchInterval: SLOW_MS,
  })
}

export function whyQuery(id: number) {
  return queryOptions({
    queryKey: ['experiment', id, 'why'],
    queryFn: ({ signal }) => requestJson<WhyAnswer>('GET', `/api/v1/drover/why/experiments/${id}`, { signal }),
    refetchInterval: SLOW_MS,
  })
}

export function trialsQuery(id: number) {
  return queryOptions({
    queryKey: ['experiment', id, 'trials'],
    queryFn: ({ signal }) => requestJson<TrialsAnswer>('GET', `/api/v1/experiments/${id}/trials?limit=1000`, { signal }),
    refetchInterval: SLOW_MS,
  })
}

/** Null: the searcher's metric. */
export function curvesQuery(id: number, asked: { group: string; metric: string } | null) {
  const params = new URLSearchParams({ trials: '200', points: '200', ...asked })
  return queryOptions({
    queryKey: ['experiment', id, 'curves', params.toString()],
    queryFn: ({ signal }) => requestJson<CurvesAnswer>('GET', `/api/v1/drover/experiments/${id}/curves?${params}`, { signal }),
    refetchInterval: SLOW_MS,
    placeholderData: keepPreviousData,
  })
}

export function checkpointsQuery(id: number) {
  return queryOptions({
    queryKey: ['experiment', id, 'checkpoints'],
    queryFn: ({ signal }) => requestJson<CheckpointsAnswer>('GET', `/api/v1/experiments/${id}/checkpoints?limit=1000&sortByAttr=SORT_BY_BATCH_NUMBER&orderBy=ORDER_BY_DESC`, { signal }),
    refetchInterval: SLOW_MS,
  })
}

export function trialQuery(id: number) {
  return queryOptions({
    queryKey: ['trial', id],
    queryFn: ({ signal }) => requestJson<TrialAnswer>('GET', `/api/v1/trials/${id}`, { signal }),
  })
}

export function checkpointFilesQuery(uuid: string) {
  return queryOptions({
    queryKey: ['checkpoint', uuid, 'files'],
    queryFn: ({ signal }) => requestJson<CheckpointFilesAnswer>('GET', `/api/v1/drover/checkpoints/${encodeURIComponent(uuid)}/files`, { signal }),
    // A committed checkpoint never changes (I4).
    staleTime: Number.POSITIVE_INFINITY,
  })
}

export function agentsQuery() {
  return queryOptions({
    queryKey: ['agents'],
    queryFn: ({ signal }) => requestJson<AgentsAnswer>('GET', '/api/v1/agents', { signal }),
    refetchInterval: SLOW_MS,
  })
}

/** Pools with their note, counts and money; instances; alarms. */
export function poolsQuery() {
  return queryOptions({
    queryKey: ['herd', 'pools'],
    queryFn: ({ signal }) => requestJson<ApiPools>('GET', '/api/v1/drover/pools', { signal }),
    refetchInterval: SLOW_MS,
  })
}

export function instancesQuery(includeGone: boolean) {
  return queryOptions({
    queryKey: ['herd', 'instances', includeGone],
    queryFn: ({ signal }) => requestJson<ApiInstances>('GET', `/api/v1/drover/instances?limit=200${includeGone ? '&includeGone=true' : ''}`, { signal }),
    refetchInterval: SLOW_MS,
    placeholderData: keepPreviousData,
  })
}

/** One instance, with why it is as it is. */
export function instanceQuery(id: string) {
  const path = encodeURIComponent(id)
  return queryOptions({
    queryKey: ['herd', 'instance', id],
    queryFn: async ({ signal }) => {
      const [details, why] = await Promise.all([
        requestJson<ApiInstanceDetails>('GET', `/api/v1/drover/instances/${path}`, { signal }), requestJson<ApiWhyInstance>('GET', `/api/v1/drover/why/instances/${path}`, { signal }),
      ])
      return { ...details, why }
    },
    refetchInterval: SLOW_MS,
  })
}

export function alarmsQuery() {
  return queryOptions({
    queryKey: ['herd', 'alarms'],
    queryFn: ({ signal }) => requestJson<ApiAlarms>('GET', '/api/v1/drover/alarms', { signal }),
    refetchInterval: SLOW_MS,
  })
}

/** The newest, newest first. */
export function newestEvents() {
  return queryOptions({
    queryKey: ['events', 'newest'],
    queryFn: ({ signal }) => requestJson<EventsAnswer>('GET', '/api/v1/drover/events?limit=200&orderBy=ORDER_BY_DESC', { signal }),
  })
}

export function openApiQuery() {
  return queryOptions({
    queryKey: ['openapi'],
    queryFn: ({ signal }) => requestJson<OpenApi>('GET', '/docs/api/openapi.json', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })
}

export function archiveUrl(uuid: string, format: 'tar' | 'tgz'): string {
  return `/checkpoints/${encodeURIComponent(uuid)}?format=${format}`
}

export function fileUrl(uuid: string, path: string): string {
  return `/api/v1/drover/checkpoints/${encodeURIComponent(uuid)}/files/${path.split('/').map(encodeURIComponent).join('/')}`
}
