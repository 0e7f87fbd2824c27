import { Box, Group, Text, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Agent, AgentHost } from '../api/shapes.ts'
import { Ago, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { formatBytes, formatCount } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { agentLook, type Running, runningOn, slotsOf, type SlotFacts } from './slots.ts'

export function AgentCard({ agent }: { agent: Agent }): ReactNode {
  const now = useNow(1000)
  const look = agentLook(agent)
  const running = runningOn(agent)
  return (
    <Box className="panel" p="md" data-agent={agent.id}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Text fw={600} size="sm" className="ellipsis" title={neutralise(agent.id)}>{neutralise(agent.id)}</Text>
        <Tooltip label={look.hint}>
          <Group gap={7} wrap="nowrap" tabIndex={0}>
            <span className="state-mark" style={{ background: `var(--mantine-color-${look.colour}-6)` }} />
            <Text span size="sm" fw={550}>{look.label}</Text>
          </Group>
        </Tooltip>
      </Group>
      <div className="slots">{slotsOf(agent).map((slot) => <SlotSquare key={slot.id} slot={slot} />)}</div>
      <Box mt="sm">
        {running.length === 0 ? <Text size="sm" className="quiet">Nothing runs here.</Text> : running.map((each) => <RunningRow key={each.allocation} running={each} />)}
      </Box>
      <Group gap="md" mt="sm" className="quiet" fz={12} style={{ rowGap: 2 }}>
        <span>{agent.drover?.seenAt ? <>seen <Ago time={agent.drover.seenAt} now={now} /></> : 'never seen'}</span>
        <span>version {neutralise(agent.version || 'unknown')}</span>
        {agent.drover ? <span>{hostWords(agent.drover)}</span> : null}
        {agent.registeredTime ? <span>joined <Ago time={agent.registeredTime} now={now} /></span> : null}
        {agent.addresses?.[0] ? <span className="mono">{neutralise(agent.addresses[0])}</span> : null}
      </Group>
    </Box>
  )
}

function SlotSquare({ slot }: { slot: SlotFacts }): ReactNode {
  const words = [`Slot ${slot.id}: ${slot.use}`, slot.device, slot.uuid, slot.allocation === null ? '' : `runs ${slot.allocation}`].filter(Boolean).map(neutralise).join(', ')
  return <Tooltip label={words}><span className="slot" data-slot={slot.use} role="img" aria-label={words} tabIndex={0}>{neutralise(slot.mark)}</span></Tooltip>
}

function RunningRow({ running }: { running: Running }): ReactNode {
  return (
    <Group gap="sm" wrap="nowrap" py={2}>
      <StateBadge state={running.state} />
      {running.trialId === null
        ? <Text size="sm" className="ellipsis">{neutralise(running.allocation)}</Text>
        : <Text size="sm" className="ellipsis"><TrialLink trialId={running.trialId} experimentId={running.experimentId} /> <span className="quiet">{neutralise(running.allocation)}</span></Text>}
    </Group>
  )
}

function TrialLink({ trialId, experimentId }: { trialId: number; experimentId: number | null }): ReactNode {
  if (experimentId === null) return <Link className="link" to="/trials/$trialId" params={{ trialId }}>trial {trialId}</Link>
  return <Link className="link" to="/experiments/$experimentId" params={{ experimentId }} search={{ trial: trialId }}>experiment {experimentId}, trial {trialId}</Link>
}

/** `g5.xlarge, 4 CPUs, 15.2 GiB memory, 90 GiB disk free, driver 550.54`: what is known of it. */
function hostWords(host: AgentHost): string {
  const words = [
    host.instanceType ?? '',
    host.zone ?? '',
    host.market ?? '',
    host.cpus ? `${formatCount(host.cpus)} ${host.cpus === 1 ? 'CPU' : 'CPUs'}` : '',
    host.memoryMib ? `${formatBytes(host.memoryMib * 1024 ** 2)} memory` : '',
    host.diskFreeMib ? `${formatBytes(host.diskFreeMib * 1024 ** 2)} disk free` : '',
    host.driver ? `driver ${host.driver}` : '',
  ]
  return neutralise(words.filter((word) => word !== '').join(', '))
}
