import { Table, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Trial } from '../api/shapes.ts'
import { StateBadge } from '../app/state-badge.tsx'
import { durationOf } from '../experiments/experiments-table.tsx'
import { formatCount, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { flatHparams, varyingNames } from './hparams.ts'
import { colourOf, valueOf } from './rank.ts'

const COLUMNS_MAX = 8

interface Props {
  /** best first */
  trials: readonly Trial[]
  metric: string
  ranks: ReadonlyMap<number, number | null>
  chosen: number | null
  onChoose: (id: number | null) => void
  now: number
}

/** Trials with what they were given and what they reached. */
export function TrialsTable({ trials, metric, ranks, chosen, onChoose, now }: Props): ReactNode {
  const flat = trials.map((trial) => flatHparams(trial.hparams))
  const names = varyingNames(flat).slice(0, COLUMNS_MAX)
  return (
    <div className="table-scroll">
      <Table highlightOnHover miw={700 + names.length * 110} aria-label="Trials">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={70}>Trial</Table.Th>
            <Table.Th w={140}>State</Table.Th>
            <Table.Th w={150} className="ellipsis" title={metric}>{neutralise(metric)}</Table.Th>
            <Table.Th w={100}>Steps</Table.Th>
            {names.map((name) => <Table.Th key={name} maw={140} className="ellipsis" title={name}>{neutralise(name)}</Table.Th>)}
            <Table.Th w={90}>Restarts</Table.Th>
            <Table.Th w={120}>Duration</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {trials.map((trial, index) => (
            <Table.Tr key={trial.id} data-trial={trial.id} {...(chosen === trial.id ? { bg: 'var(--mantine-color-default-hover)' } : {})} onMouseEnter={() => onChoose(trial.id)} onMouseLeave={() => onChoose(null)}>
              <Table.Td className="numbers">
                <Link to="/experiments/$experimentId" params={{ experimentId: trial.experimentId }} search={{ tab: 'overview', trial: trial.id }} className="link">{trial.id}</Link>
              </Table.Td>
              <Table.Td><StateBadge state={trial.state} /></Table.Td>
              <Table.Td className="numbers"><span className="legend-swatch" style={{ background: colourOf(ranks.get(trial.id) ?? null) }} /> {metricText(trial)}{index === 0 && valueOf(trial) !== null ? <Text span size="xs" c="teal" fw={600}> best</Text> : null}</Table.Td>
              <Table.Td className="numbers">{formatCount(trial.totalBatchesProcessed)}</Table.Td>
              {names.map((name) => {
                const value = flat[index]?.[name]
                return <Table.Td key={name} maw={140} className="ellipsis numbers" title={String(value ?? '')}>{typeof value === 'number' ? formatMetric(value) : neutralise(value ?? '–')}</Table.Td>
              })}
              <Table.Td className="numbers">{formatCount(trial.restarts)}</Table.Td>
              <Table.Td className="numbers">{durationOf(trial, now)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}

function metricText(trial: Trial): string {
  const value = valueOf(trial)
  return value === null ? '–' : formatMetric(value)
}
