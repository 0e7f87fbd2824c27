import { Box, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { ApiPool } from '../../../../protocol/wire/api.ts'
import type { LiveEvent } from '../../../../protocol/wire/live.ts'
import { agentsQuery, poolsQuery } from '../api/queries.ts'
import type { Agent } from '../api/shapes.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { EventList } from '../experiment/timeline.tsx'
import { Alarms } from '../herd/alarms.tsx'
import { InstanceDetails } from '../herd/instance-details.tsx'
import { Instances } from '../herd/instances-table.tsx'
import { PoolCard } from '../herd/pools.tsx'
import { useClusterEvents } from '../live/use-events.ts'
import { formatCount, formatDollars } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { AgentCard } from './agent-card.tsx'
import { slotsOf } from './slots.ts'

/** What the herd costs and why it is as it is: alarms, pools, instances, agents with their slots, and what happened last. */
export function Cluster(): ReactNode {
  const query = useQuery(agentsQuery())
  const pools = useQuery(poolsQuery())
  const events = useClusterEvents()
  const agents = query.data?.agents ?? []
  const known = pools.data?.pools ?? []
  // A pool without an agent is shown where agents must join by themselves: that is often the answer to "why does it wait?".
  const names = [...new Set([...known.filter((pool) => pool.policy === null).map((pool) => pool.name), ...agents.map(poolOf)])].sort()
  const makesInstances = known.some((pool) => pool.policy !== null || pool.count > 0)
  return (
    <>
      <Group justify="space-between" align="baseline">
        <Title order={1} fz={22}>Cluster</Title>
        <HourlyCost pools={known} />
      </Group>
      <Alarms />
      <Box className="overview">
        <Stack gap="lg" style={{ minWidth: 0 }}>
          {pools.error ? <Fault title="The pools could not be fetched" error={pools.error} onRetry={() => void pools.refetch()} /> : null}
          {known.length > 0 ? <section aria-label="Pools"><Heading text="Pools" /><div className="cards">{known.map((pool) => <PoolCard key={pool.name} pool={pool} />)}</div></section> : null}
          {makesInstances ? <Instances /> : null}
          <InstanceDetails />
          <Stack gap="md">
            <Group justify="space-between" align="baseline"><Heading text="Agents" /><Legend /></Group>
            {query.error ? <Fault title="The agents could not be fetched" error={query.error} onRetry={() => void query.refetch()} /> : null}
            {query.isPending ? <Skeleton h={140} /> : null}
            {query.data && agents.length === 0 ? <NoAgent makesInstances={makesInstances} /> : names.map((name) => <PoolAgents key={name} name={name} agents={agents.filter((agent) => poolOf(agent) === name)} />)}
          </Stack>
        </Stack>
        <Box className="panel timeline-panel">
          <Text fw={600} size="sm" px="md" pt="sm" pb={6}>Newest events</Text>
          <EventList
            events={events} empty="Nothing has happened yet."
            link={(event) => eventLink(event)}
          />
        </Box>
      </Box>
    </>
  )
}

function eventLink({ experimentId, instanceId }: LiveEvent): ReactNode {
  if (experimentId !== null) return <Link className="link" to="/experiments/$experimentId" params={{ experimentId }}>experiment {experimentId}</Link>
  return instanceId ? <Link className="link" to="/cluster" search={{ instance: instanceId }} resetScroll={false}>{neutralise(instanceId)}</Link> : null
}

function Heading({ text }: { text: string }): ReactNode {
  return <Title order={2} fz={16} mb={6}>{text}</Title>
}

/** What is paid for an hour as things stand. */
function HourlyCost({ pools }: { pools: readonly ApiPool[] }): ReactNode {
  if (!pools.some((pool) => pool.policy !== null || pool.count > 0)) return null
  const perHour = pools.reduce((sum, pool) => sum + pool.perHour, 0)
  const count = pools.reduce((sum, pool) => sum + pool.count, 0)
  const unpriced = pools.reduce((sum, pool) => sum + pool.unpriced, 0)
  return (
    <Text size="sm" className="numbers" data-testid="hourly">
      <b>{formatDollars(perHour)}</b> an hour now <span className="quiet">for {formatCount(count)} {count === 1 ? 'instance' : 'instances'}{unpriced > 0 ? `, ${formatCount(unpriced)} of unknown price` : ''}</span>
    </Text>
  )
}

function poolOf(agent: Agent): string {
  return agent.resourcePools?.[0] ?? 'default'
}

function PoolAgents({ name, agents }: { name: string; agents: readonly Agent[] }): ReactNode {
  const slots = agents.flatMap(slotsOf)
  const busy = slots.filter((slot) => slot.use === 'busy').length
  return (
    <section aria-label={`Agents of pool ${name}`}>
      <Group gap="sm" mb="xs" align="baseline">
        <Title order={3} fz={14}>{neutralise(name)}</Title>
        <Text size="sm" className="quiet numbers">
          {formatCount(agents.length)} {agents.length === 1 ? 'agent' : 'agents'}, {formatCount(busy)} of {formatCount(slots.length)} {slots.length === 1 ? 'slot' : 'slots'} busy
        </Text>
      </Group>
      {agents.length === 0 ? <Text size="sm" className="quiet">No agent in this pool.</Text> : <div className="charts">{agents.map((agent) => <AgentCard key={agent.id} agent={agent} />)}</div>}
    </section>
  )
}

function NoAgent({ makesInstances }: { makesInstances: boolean }): ReactNode {
  if (makesInstances) return <Text size="sm" className="quiet">No agent runs now. Each instance brings one as soon as it has booted.</Text>
  return (
    <Box className="panel">
      <Empty title="No agent has joined yet" command="drover-master join-token --state-dir DIR">
        On each GPU machine start drover-agent with DROVER_MASTER_URL and DROVER_JOIN_TOKEN; this command on the master prints the token.
      </Empty>
    </Box>
  )
}

function Legend(): ReactNode {
  return (
    <Group gap="md" aria-hidden="true">
      {(['free', 'busy', 'disabled'] as const).map((use) => (
        <Group key={use} gap={6}><span className="slot" data-slot={use} style={{ width: 14, height: 14, borderRadius: 3 }} /><Text size="xs" className="quiet">{use}</Text></Group>
      ))}
    </Group>
  )
}
