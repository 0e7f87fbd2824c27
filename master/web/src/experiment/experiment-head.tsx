import { Anchor, Badge, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { whyQuery } from '../api/queries.ts'
import type { Experiment, ExperimentAnswer, MetricsWorkload, Trial, WhyAnswer } from '../api/shapes.ts'
import { Ago, ProgressCell, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { ExperimentActions } from '../experiments/actions.tsx'
import { durationOf } from '../experiments/experiments-table.tsx'
import { CostSplit } from '../herd/cost.tsx'
import { HerdWords } from '../herd/herd-words.tsx'
import { formatBytes, formatCount, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { isTerminalState, lookOf } from '../words/states.ts'

/** Name, state and why, what may be done, and the figures. */
export function ExperimentHead({ answer, trial }: { answer: ExperimentAnswer; trial: Trial | null }): ReactNode {
  const { experiment } = answer
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ minWidth: 0, flex: '1 1 320px' }}>
          <Text size="xs" className="quiet"><Anchor component={Link} to="/experiments" inherit>Experiments</Anchor> / {experiment.id}</Text>
          <Title order={1} fz={22} className="break">{neutralise(experiment.name)}</Title>
          {experiment.description ? <Text size="sm" className="quiet break">{neutralise(experiment.description)}</Text> : null}
          {experiment.labels && experiment.labels.length > 0 ? (
            <Group gap={6} mt={4}>{experiment.labels.map((label) => <Badge key={label} variant="default" radius="sm" tt="none">{neutralise(label)}</Badge>)}</Group>
          ) : null}
        </div>
        <ExperimentActions id={experiment.id} name={experiment.name} state={experiment.state} />
      </Group>
      <Why experiment={experiment} jobsAhead={answer.jobSummary?.jobsAhead ?? 0} />
      <Figures experiment={experiment} trial={trial} />
    </Stack>
  )
}

function Why({ experiment, jobsAhead }: { experiment: Experiment; jobsAhead: number }): ReactNode {
  const why = useQuery(whyQuery(experiment.id))
  const summary = why.data?.summary || why.data?.stateReason || experiment.drover?.stateReason || ''
  // Where the pool tells of EC2, the scheduler's words ("no free slots") say nothing more.
  const waits = why.data?.pool?.note ? [] : waitReasons(why.data, experiment).filter((reason) => !summary.includes(reason))
  const look = lookOf(experiment.state)
  return (
    <Paper className="panel" px="md" py="sm" style={{ borderLeft: `3px solid var(--mantine-color-${look.colour}-6)` }}>
      <Group gap="md" align="flex-start" wrap="nowrap">
        <StateBadge state={experiment.state} />
        <Stack gap={2} style={{ minWidth: 0 }} data-testid="why">
          <Text size="sm" className="break">{neutralise(summary) || plainReason(experiment)}</Text>
          {waits.map((reason) => <Text key={reason} size="sm" className="break"><b>Waits:</b> {neutralise(reason)}</Text>)}
          {why.data ? <HerdWords why={why.data} summary={summary} /> : null}
          {jobsAhead > 0 ? <Text size="sm" className="quiet">{formatCount(jobsAhead)} ahead of it in the queue</Text> : null}
          {why.error ? <Text size="xs" className="quiet break">The reason could not be fetched: {why.error.message}</Text> : null}
        </Stack>
      </Group>
    </Paper>
  )
}

/** Each reason once; trials of one experiment mostly wait for the same. */
function waitReasons(why: WhyAnswer | undefined, experiment: Experiment): string[] {
  if (isTerminalState(experiment.state)) return []
  const reasons = why ? why.trials.map((trial) => trial.waitReason) : [experiment.drover?.waitReason ?? '']
  return [...new Set(reasons.map((reason) => reason.replace(/^waits: /, '')))].filter((reason) => reason !== '')
}

/** Where the master gives no reason, what the state means. */
function plainReason(experiment: Experiment): string {
  const look = lookOf(experiment.state)
  if (experiment.state === 'STATE_PAUSED') return 'Holds no slots. Activate goes on from the newest committed checkpoint.'
  if (isTerminalState(experiment.state)) return experiment.state === 'STATE_ERROR' ? 'The log and the timeline below say what happened.' : 'It has ended.'
  return look.moving ? 'Under way.' : 'Waits for slots.'
}

function Figures({ experiment, trial }: { experiment: Experiment; trial: Trial | null }): ReactNode {
  const now = useNow(1000)
  const done = experiment.state === 'STATE_COMPLETED'
  const metric = experiment.searcherMetric ?? ''
  return (
    <Paper className="panel" px="md" py="sm">
      <Group gap={36} style={{ rowGap: 12 }}>
        <Figure label="Progress"><ProgressCell share={done ? 1 : (experiment.progress ?? 0)} colour={lookOf(experiment.state).colour} /></Figure>
        <Figure label={`Best ${neutralise(metric) || 'metric'}`}>{metricText(experiment.bestTrialSearcherMetric ?? trial?.searcherMetricValue ?? valueIn(trial?.bestValidation, metric))}</Figure>
        <Figure label={`Last ${neutralise(metric) || 'metric'}`}>{metricText(valueIn(trial?.latestValidation, metric))}</Figure>
        <Figure label="Steps">{trial ? formatCount(trial.totalBatchesProcessed) : '–'}</Figure>
        <Figure label="Restarts">{trial ? formatCount(trial.restarts) : '–'}</Figure>
        <Figure label="Started"><Ago time={experiment.startTime} now={now} /></Figure>
        <Figure label="Duration">{durationOf(experiment, now)}</Figure>
        <Figure label="Pool">{neutralise(experiment.resourcePool ?? '–')}</Figure>
        <Figure label="Owner">{neutralise(experiment.displayName || experiment.username)}</Figure>
        <Figure label="Checkpoints">{formatCount(experiment.checkpointCount ?? 0)}{Number(experiment.checkpointSize ?? 0) > 0 ? `, ${formatBytes(Number(experiment.checkpointSize))}` : ''}</Figure>
        {experiment.drover?.cost && experiment.drover.cost.total !== 0 ? <Figure label="Cost"><CostSplit cost={experiment.drover.cost} /></Figure> : null}
      </Group>
    </Paper>
  )
}

function Figure({ label, children }: { label: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <Text size="xs" className="quiet">{label}</Text>
      <Text component="div" size="sm" fw={600} className="numbers">{children}</Text>
    </div>
  )
}

function valueIn(workload: MetricsWorkload | null | undefined, metric: string): unknown {
  return workload?.metrics.avgMetrics[metric]
}

function metricText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  const number = Number(value)
  return Number.isNaN(number) && value !== 'NaN' ? '–' : formatMetric(number)
}
