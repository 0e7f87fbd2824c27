import { Group, Switch, Table, Text, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import type { ApiInstance } from '../../../../protocol/wire/api.ts'
import { instancesQuery } from '../api/queries.ts'
import { Fault } from '../app/faults.tsx'
import { Ago, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { formatAgo, formatCount, formatDuration } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { instanceLookOf } from '../words/states.ts'
import { CostCell } from './cost.tsx'

/** Every instance that may cost money, what it does and what it has cost; the ended ones on request. */
export function Instances(): ReactNode {
  const [ended, setEnded] = useState(false)
  const query = useQuery(instancesQuery(ended))
  const now = useNow(1000)
  const instances = query.data?.instances ?? []
  return (
    <section aria-label="Instances">
      <Group justify="space-between" mb="xs">
        <Text fw={620} fz={16} component="h2" m={0}>Instances</Text>
        <Switch size="xs" label="Show ended ones" checked={ended} onChange={(event) => setEnded(event.currentTarget.checked)} />
      </Group>
      {query.error ? <Fault title="The instances could not be fetched" error={query.error} onRetry={() => void query.refetch()} /> : null}
      <div className="panel table-scroll">
        {query.data && instances.length === 0 ? <Text size="sm" className="quiet" p="md">No instance runs, so EC2 costs nothing now. One is started when work waits that fits no agent.</Text> : null}
        {instances.length === 0 ? null : (
          <Table miw={880} aria-label="Instances, newest first">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Instance</Table.Th>
                <Table.Th w={120}>State</Table.Th>
                <Table.Th>Where</Table.Th>
                <Table.Th w={110}>Age</Table.Th>
                <Table.Th w={80} ta="right">$/h</Table.Th>
                <Table.Th w={90} ta="right">Cost</Table.Th>
                <Table.Th>Does</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{instances.map((each) => <Row key={each.id} instance={each} now={now} />)}</Table.Tbody>
          </Table>
        )}
      </div>
    </section>
  )
}

function Row({ instance, now }: { instance: ApiInstance; now: number }): ReactNode {
  const end = instance.goneAt === null ? now : Date.parse(instance.goneAt)
  return (
    <Table.Tr data-instance={instance.id}>
      <Table.Td>
        <Link className="link mono nowrap" to="/cluster" search={{ instance: instance.id }} resetScroll={false}>{neutralise(instance.id)}</Link>
        <Text size="xs" className="quiet">{neutralise(instance.type)}, {formatCount(instance.slots)} {instance.slots === 1 ? 'slot' : 'slots'}</Text>
      </Table.Td>
      <Table.Td>
        <Tooltip label={neutralise(instance.stateReason)} disabled={instance.stateReason === ''}><span><StateBadge state={instance.state} look={instanceLookOf(instance.state, instance.allocations.length > 0)} /></span></Tooltip>
      </Table.Td>
      <Table.Td>
        <Text size="sm">{neutralise(instance.zone)}</Text>
        <Text size="xs" className="quiet nowrap">{neutralise(instance.market)}, pool {neutralise(instance.pool)}</Text>
      </Table.Td>
      <Table.Td className="numbers"><Text size="sm" className="numbers" title={instance.launchedAt}>{formatDuration(Math.max(0, end - Date.parse(instance.launchedAt)))}</Text></Table.Td>
      <Table.Td className="numbers" ta="right">{instance.perHour === null ? <span className="quiet">unknown</span> : instance.perHour.toFixed(3)}</Table.Td>
      <Table.Td ta="right"><CostCell cost={instance.cost} /></Table.Td>
      <Table.Td>
        <Does instance={instance} now={now} />
        {instance.notice === null || instance.state === 'GONE' ? null : <Text size="xs" c="red" fw={600}>{noticeWords(instance.notice, now)}</Text>}
      </Table.Td>
    </Table.Tr>
  )
}

/** What holds it, or why nothing does. */
function Does({ instance, now }: { instance: ApiInstance; now: number }): ReactNode {
  if (instance.allocations.length > 0) {
    return instance.allocations.map((each) => (
      <Text key={each.id} size="sm" className="ellipsis">
        {each.experimentId === null ? neutralise(each.id) : <Link className="link" to="/experiments/$experimentId" params={{ experimentId: each.experimentId }}>experiment {each.experimentId}</Link>}
        {' '}<span className="quiet">{each.state.toLowerCase()}</span>
      </Text>
    ))
  }
  if (instance.state === 'READY' && instance.idleSince !== null) return <Text size="sm">idle since <Ago time={instance.idleSince} now={now} /></Text>
  return <Text size="sm" className="quiet break" lineClamp={2} title={neutralise(instance.stateReason)}>{neutralise(instance.stateReason) || (instance.state === 'STARTING' ? 'its agent has not registered yet' : '–')}</Text>
}

function noticeWords(notice: NonNullable<ApiInstance['notice']>, now: number): string {
  if (notice.kind === 'rebalance') return 'EC2 is likely to take it: no new work'
  return `spot notice: EC2 takes it ${notice.until === null ? 'within two minutes' : formatAgo(Date.parse(notice.until), now)}`
}
