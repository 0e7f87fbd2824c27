import { Box, Button, Collapse, Group, Skeleton, Table, Text, UnstyledButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Fragment, type ReactNode, useState } from 'react'
import { archiveUrl, checkpointsQuery } from '../api/queries.ts'
import type { Checkpoint, Experiment } from '../api/shapes.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { Ago, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { formatBytes, formatCount, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { bareState, checkpointLookOf, isTerminalState } from '../words/states.ts'
import { Files } from './files.tsx'
import { factsOf, newestFirst } from './facts.ts'

export function Checkpoints({ experiment }: { experiment: Experiment }): ReactNode {
  const query = useQuery(checkpointsQuery(experiment.id))
  const now = useNow(10_000)
  const [open, setOpen] = useState<string | null>(null)
  if (query.isPending) return <Skeleton h={120} />
  if (query.error && !query.data) return <Fault title="The checkpoints could not be fetched" error={query.error} onRetry={() => void query.refetch()} />
  const checkpoints = newestFirst(query.data.checkpoints)
  if (checkpoints.length === 0) {
    return (
      <Box className="panel">
        <Empty title={isTerminalState(experiment.state) ? 'This experiment saved no checkpoint' : 'No checkpoint yet'}>
          A training script saves one by writing into a directory under DROVER_CHECKPOINT_DIR and renaming it to step-&lt;n&gt;.
        </Empty>
      </Box>
    )
  }
  return (
    <Box className="panel table-scroll">
      <Table miw={900} aria-label="Checkpoints">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={110}>Steps</Table.Th><Table.Th w={150}>State</Table.Th><Table.Th w={100}>Size</Table.Th><Table.Th w={80}>Files</Table.Th>
            <Table.Th>Metrics</Table.Th><Table.Th w={120}>Saved</Table.Th><Table.Th w={260}>Download</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {checkpoints.map((checkpoint) => (
            <Fragment key={checkpoint.uuid}>
              <Row checkpoint={checkpoint} now={now} isOpen={open === checkpoint.uuid} onToggle={() => setOpen(open === checkpoint.uuid ? null : checkpoint.uuid)} />
              <Table.Tr style={{ border: 0 }}>
                <Table.Td colSpan={7} p={0}>
                  <Collapse expanded={open === checkpoint.uuid} transitionDuration={120}>{open === checkpoint.uuid ? <Files checkpoint={checkpoint} /> : null}</Collapse>
                </Table.Td>
              </Table.Tr>
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  )
}

interface RowProps {
  checkpoint: Checkpoint
  now: number
  isOpen: boolean
  onToggle: () => void
}

function Row({ checkpoint, now, isOpen, onToggle }: RowProps): ReactNode {
  const facts = factsOf(checkpoint)
  const committed = bareState(checkpoint.state) === 'COMPLETED'
  return (
    <Table.Tr data-checkpoint={checkpoint.uuid}>
      <Table.Td>
        <UnstyledButton onClick={onToggle} aria-expanded={isOpen} aria-label={`Files of the checkpoint at step ${facts.steps ?? 'unknown'}`}>
          <Group gap={8} wrap="nowrap">
            <span className="quiet" style={{ transform: isOpen ? 'rotate(90deg)' : 'none', display: 'inline-block' }}>›</span>
            <Text span fw={600} size="sm" className="numbers">{facts.steps === null ? '–' : formatCount(facts.steps)}</Text>
          </Group>
        </UnstyledButton>
      </Table.Td>
      <Table.Td><StateBadge state={checkpoint.state} look={checkpointLookOf(checkpoint.state)} /></Table.Td>
      <Table.Td className="numbers">{formatBytes(facts.bytes)}</Table.Td>
      <Table.Td className="numbers">{formatCount(facts.files)}</Table.Td>
      <Table.Td><Metrics metrics={facts.metrics} /></Table.Td>
      <Table.Td><Ago time={checkpoint.reportTime} now={now} /></Table.Td>
      <Table.Td>
        {committed ? (
          <Group gap={6} wrap="nowrap">
            <Button component="a" href={archiveUrl(checkpoint.uuid, 'tgz')} download size="compact-xs" variant="default">tgz</Button>
            <Button component="a" href={archiveUrl(checkpoint.uuid, 'tar')} download size="compact-xs" variant="default">tar</Button>
            <Button size="compact-xs" variant="subtle" onClick={onToggle}>{isOpen ? 'Hide files' : 'Show files'}</Button>
          </Group>
        ) : <Text size="xs" className="quiet">{bareState(checkpoint.state) === 'ACTIVE' ? 'once it is committed' : neutralise(checkpoint.drover?.error || 'not available')}</Text>}
      </Table.Td>
    </Table.Tr>
  )
}

function Metrics({ metrics }: { metrics: readonly { name: string; value: number }[] }): ReactNode {
  if (metrics.length === 0) return <span className="quiet">–</span>
  return (
    <Group gap="sm" style={{ rowGap: 0 }}>
      {metrics.slice(0, 4).map(({ name, value }) => <Text key={name} size="xs"><span className="quiet">{neutralise(name)}</span> <span className="numbers">{formatMetric(value)}</span></Text>)}
      {metrics.length > 4 ? <Text size="xs" className="quiet">and {metrics.length - 4} more</Text> : null}
    </Group>
  )
}
