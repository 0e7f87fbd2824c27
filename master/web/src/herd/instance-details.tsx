import { Drawer, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { ApiInstanceDetails, ApiWhyInstance } from '../../../../protocol/wire/api.ts'
import { instanceQuery } from '../api/queries.ts'
import { Fault } from '../app/faults.tsx'
import { StateBadge } from '../app/state-badge.tsx'
import { EventList } from '../experiment/timeline.tsx'
import { formatTime } from '../words/format.ts'
import { neutralise, neutraliseLine } from '../words/neutralise.ts'
import { instanceLookOf } from '../words/states.ts'
import { AdminButton } from './alarms.tsx'
import { CostSplit } from './cost.tsx'

const route = getRouteApi('/cluster')

/** The instance that the address names: why it is as it is, what it cost and for what, what it said at boot, what happened to it. */
export function InstanceDetails(): ReactNode {
  const { instance: id } = route.useSearch()
  const navigate = route.useNavigate()
  return (
    <Drawer opened={id !== undefined} onClose={() => void navigate({ search: {}, resetScroll: false })} position="right" size="lg" title={id === undefined ? '' : neutralise(id)}>
      {id === undefined ? null : <Details key={id} id={id} />}
    </Drawer>
  )
}

function Details({ id }: { id: string }): ReactNode {
  const query = useQuery(instanceQuery(id))
  if (query.error) return <Fault title={`Instance ${neutralise(id)} could not be fetched`} error={query.error} onRetry={() => void query.refetch()} />
  if (!query.data) return <Loader size="sm" aria-label="Loading" />
  const { instance, why, events } = query.data
  return (
    <Stack gap="md" data-testid="instance">
      <Stack gap={4}>
        <StateBadge state={instance.state} look={instanceLookOf(instance.state, instance.allocations.length > 0)} />
        <Text size="sm" className="break">{neutralise(why.summary)}</Text>
        {why.cure ? <Text size="sm" className="break"><b>To do:</b> {neutralise(why.cure)}</Text> : null}
      </Stack>
      {instance.state === 'READY' && instance.allocations.length === 0
        ? <AdminButton path={`/api/v1/drover/instances/${encodeURIComponent(id)}/retire`} label="Retire it" hint="Its agent hands over what it holds, then EC2 ends it. Refused once work is on it." />
        : null}
      <Facts details={query.data} />
      <Console details={query.data} />
      <div>
        <Text fw={600} size="sm">What happened</Text>
        <EventList events={events.toReversed()} empty="No event names it." />
      </div>
    </Stack>
  )
}

function Facts({ details: { instance, launch } }: { details: ApiInstanceDetails & { why: ApiWhyInstance } }): ReactNode {
  const facts: [string, ReactNode][] = [
    ['Cost', <CostSplit key="cost" cost={instance.cost} />],
    ['Launched for', neutralise(launch.reason) || launch.allocations.map(neutralise).join(', ') || 'the minimum of its pool'],
    ['Launched', timeWords(instance.launchedAt)],
    ['Registered', timeWords(instance.registeredAt)],
    ['Ended', timeWords(instance.goneAt)],
    ['Address', neutralise(instance.privateIp ?? '')],
  ]
  return (
    <dl className="facts">
      {facts.filter(([, value]) => value !== '').map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  )
}

/** Only a boot that failed is read: the others have a log of their own. */
function Console({ details: { instance, console: said } }: { details: ApiInstanceDetails }): ReactNode {
  if (instance.registeredAt !== null || said === '') return null
  return (
    <div>
      <Text fw={600} size="sm">What it said at boot</Text>
      <pre className="console" tabIndex={0}>{said.trimEnd().split('\n').map(neutraliseLine).join('\n')}</pre>
    </div>
  )
}

function timeWords(time: string | null): string {
  return time === null ? '' : formatTime(Date.parse(time))
}
