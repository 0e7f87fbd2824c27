import { Table, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { memo, type ReactNode } from 'react'
import type { Experiment } from '../api/shapes.ts'
import { Ago, ProgressCell, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { formatDuration, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { isTerminalState, lookOf } from '../words/states.ts'
import { ExperimentActions } from './actions.tsx'

export function ExperimentsTable({ experiments }: { experiments: readonly Experiment[] }): ReactNode {
  const now = useNow(1000)
  return (
    <div className="table-scroll">
      <Table highlightOnHover miw={1080} aria-label="Experiments">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={64}>Id</Table.Th>
            <Table.Th>Name</Table.Th>
            <Table.Th w={140}>State</Table.Th>
            <Table.Th w={150}>Progress</Table.Th>
            <Table.Th w={190}>Best metric</Table.Th>
            <Table.Th w={110}>Pool</Table.Th>
            <Table.Th w={110}>Owner</Table.Th>
            <Table.Th w={110}>Started</Table.Th>
            <Table.Th w={120}>Duration</Table.Th>
            <Table.Th w={180}>Actions</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {experiments.map((experiment) => (
            <Row key={experiment.id} experiment={experiment} now={isTerminalState(experiment.state) ? Math.floor(now / 60_000) * 60_000 : now} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}

/** Rows that have ended are drawn again once a minute only: `now` is coarse for them. */
const Row = memo(function Row({ experiment, now }: { experiment: Experiment; now: number }): ReactNode {
  const done = isTerminalState(experiment.state)
  const progress = experiment.state.endsWith('COMPLETED') && done ? 1 : (experiment.progress ?? 0)
  return (
    <Table.Tr data-experiment={experiment.id}>
      <Table.Td className="numbers quiet">{experiment.id}</Table.Td>
      <Table.Td maw={360} className="ellipsis" title={neutralise(experiment.name)}>
        <Link to="/experiments/$experimentId" params={{ experimentId: experiment.id }} className="plain-link">
          <Text span size="sm" fw={600}>{neutralise(experiment.name)}</Text>
        </Link>
      </Table.Td>
      <Table.Td><StateBadge state={experiment.state} /></Table.Td>
      <Table.Td><ProgressCell share={progress} colour={lookOf(experiment.state).colour} /></Table.Td>
      <Table.Td maw={190} className="ellipsis"><BestMetric experiment={experiment} /></Table.Td>
      <Table.Td maw={110} className="ellipsis" title={experiment.resourcePool ?? ''}>{neutralise(experiment.resourcePool ?? '–')}</Table.Td>
      <Table.Td maw={110} className="ellipsis">{neutralise(experiment.displayName || experiment.username)}</Table.Td>
      <Table.Td><Ago time={experiment.startTime} now={now} /></Table.Td>
      <Table.Td className="numbers">{durationOf(experiment, now)}</Table.Td>
      <Table.Td py={4}><ExperimentActions id={experiment.id} name={experiment.name} state={experiment.state} compact /></Table.Td>
    </Table.Tr>
  )
})

function BestMetric({ experiment }: { experiment: Experiment }): ReactNode {
  const value = experiment.bestTrialSearcherMetric
  if (value === null || value === undefined) return <span className="quiet">–</span>
  return <><span className="numbers">{formatMetric(Number(value))}</span> <Text span size="xs" className="quiet">{neutralise(experiment.searcherMetric ?? '')}</Text></>
}

export function durationOf(run: { startTime: string; endTime?: string | null | undefined }, now: number): string {
  const end = run.endTime ? Date.parse(run.endTime) : now
  return formatDuration(Math.max(0, end - Date.parse(run.startTime)))
}
