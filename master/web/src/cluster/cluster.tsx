import { Box, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { agentsQuery, poolsQuery } from '../api/queries.ts'
import type { Agent } from '../api/shapes.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { EventList } from '../experiment/timeline.tsx'
import { useClusterEvents } from '../live/use-events.ts'
import { formatCount } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { AgentCard } from './agent-card.tsx'
import { slotsOf } from './slots.ts'

/** Agents by pool, with their slots, and what happened last. */
export function Cluster(): ReactNode {
  const query = useQuery(agentsQuery())
  const pools = useQuery(poolsQuery())
  const events = useClusterEvents()
  const agents = query.data?.agents ?? []
  // A pool without an agent is shown too: that is often the answer to "why does it wait?".
  const names = [...new Set([...(pools.data?.resourcePools ?? []).map((pool) => pool.name), ...agents.map(poolOf)])].sort()
  return (
    <>
      <Group justify="space-between" align="baseline">
        <Title order={1} fz={22}>Cluster</Title>
        <Legend />
      </Group>
      {query.error ? <Fault title="The agents could not be fetched" error={query.error} onRetry={() => void query.refetch()} /> : null}
      <Box className="overview">
        <Stack gap="lg" style={{ minWidth: 0 }}>
          {query.isPending ? <Skeleton h={140} /> : null}
          {query.data && agents.length === 0 ? <NoAgent /> : null}
          {names.map((name) => <Pool key={name} name={name} agents={agents.filter((agent) => poolOf(agent) === name)} />)}
        </Stack>
        <Box className="panel timeline-panel">
          <Text fw={600} size="sm" px="md" pt="sm" pb={6}>Newest events</Text>
          <EventList
            events={events} empty="Nothing has happened yet."
            link={(event) => event.experimentId === null ? null : <Link className="link" to="/experiments/$experimentId" params={{ experimentId: event.experimentId }}>experiment {event.experimentId}</Link>}
          />
        </Box>
      </Box>
    </>
  )
}

function poolOf(agent: Agent): string {
  return agent.resourcePools?.[0] ?? 'default'
}

function Pool({ name, agents }: { name: string; agents: readonly Agent[] }): ReactNode {
  const slots = agents.flatMap(slotsOf)
  const busy = slots.filter((slot) => slot.use === 'busy').length
  return (
    <section aria-label={`Pool ${name}`}>
      <Group gap="sm" mb="xs" align="baseline">
        <Title order={2} fz={16}>{neutralise(name)}</Title>
        <Text size="sm" className="quiet numbers">
          {formatCount(agents.length)} {agents.length === 1 ? 'agent' : 'agents'}, {formatCount(busy)} of {formatCount(slots.length)} {slots.length === 1 ? 'slot' : 'slots'} busy
        </Text>
      </Group>
      {agents.length === 0 ? <Text size="sm" className="quiet">No agent in this pool.</Text> : <div className="charts">{agents.map((agent) => <AgentCard key={agent.id} agent={agent} />)}</div>}
    </section>
  )
}

function NoAgent(): ReactNode {
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
