import { Loader } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Navigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { trialQuery } from '../api/queries.ts'
import { Fault } from '../app/faults.tsx'

const route = getRouteApi('/trials/$trialId')

/** An agent knows its trials only; the page of a trial is its experiment's. */
export function TrialRedirect(): ReactNode {
  const { trialId } = route.useParams()
  const query = useQuery(trialQuery(trialId))
  if (query.error) return <Fault title={`Trial ${trialId} could not be fetched`} error={query.error} onRetry={() => void query.refetch()} />
  if (!query.data) return <Loader size="sm" aria-label="Loading" />
  return <Navigate to="/experiments/$experimentId" params={{ experimentId: query.data.trial.experimentId }} search={{ trial: trialId }} replace />
}
