import { Box, Group, Select, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useMemo, useState } from 'react'
import { curvesQuery } from '../api/queries.ts'
import type { CurvesAnswer } from '../api/shapes.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { formatCount, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { axisOf, type Axis } from './axis.ts'
import { colourOf } from './rank.ts'

const WIDTH = 900
const HEIGHT = 280
const PAD = { left: 62, right: 12, top: 10, bottom: 26 } as const

interface Props {
  experimentId: number
  ranks: ReadonlyMap<number, number | null>
  chosen: number | null
  onChoose: (id: number | null) => void
}

/** Learning curves of all trials in one chart; which metric, a person chooses. */
export function SearchCurves({ experimentId, ranks, chosen, onChoose }: Props): ReactNode {
  const [asked, setAsked] = useState<{ group: string; metric: string } | null>(null)
  const query = useQuery(curvesQuery(experimentId, asked))
  if (query.error && !query.data) return <Fault title="The curves could not be fetched" error={query.error} onRetry={() => void query.refetch()} />
  if (!query.data) return null
  const { metric, group, metrics } = query.data
  const choices = metrics.map((one) => ({ value: JSON.stringify([one.group, one.metric]), label: `${neutralise(one.group)}: ${neutralise(one.metric)}` }))
  return (
    <Box className="panel" p="sm" data-testid="search-curves">
      <Group justify="space-between" mb={4}>
        <Text fw={600} size="sm">{neutralise(metric)} of each trial</Text>
        <Select
          aria-label="Metric" size="xs" w={240} allowDeselect={false} data={choices} value={JSON.stringify([group, metric])}
          onChange={(value) => {
            const [nextGroup = '', nextMetric = ''] = value === null ? [] : (JSON.parse(value) as string[])
            setAsked({ group: nextGroup, metric: nextMetric })
          }}
        />
      </Group>
      <Lines answer={query.data} ranks={ranks} chosen={chosen} onChoose={onChoose} />
    </Box>
  )
}

function Lines({ answer, ranks, chosen, onChoose }: { answer: CurvesAnswer } & Omit<Props, 'experimentId'>): ReactNode {
  const { x, y, curves } = useMemo(() => scaled(answer), [answer])
  if (curves.length === 0) return <Empty title="Nothing to draw yet">Curves appear with the first report of {neutralise(answer.metric)} in group {neutralise(answer.group)}.</Empty>
  const across = (place: number): number => PAD.left + place * (WIDTH - PAD.left - PAD.right)
  const up = (place: number): number => PAD.top + (1 - place) * (HEIGHT - PAD.top - PAD.bottom)
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width="100%" role="img" aria-label={`${answer.metric} over steps of ${curves.length} trials`} onMouseLeave={() => onChoose(null)}>
      {y.ticks.map(({ at, value }) => (
        <g key={`y${String(value)}`}>
          <line x1={PAD.left} x2={WIDTH - PAD.right} y1={up(at)} y2={up(at)} stroke="var(--line)" />
          <text x={PAD.left - 6} y={up(at) + 4} fontSize="11" fill="var(--quiet)" textAnchor="end">{formatMetric(Number(value))}</text>
        </g>
      ))}
      {x.ticks.map(({ at, value }) => <text key={`x${String(value)}`} x={across(at)} y={HEIGHT - 8} fontSize="11" fill="var(--quiet)" textAnchor={at > 0.9 ? 'end' : 'middle'}>{formatCount(Math.round(Number(value)))}</text>)}
      {curves.map(({ trialId, places }) => (
        <g key={trialId} data-trial={trialId} onMouseEnter={() => onChoose(trialId)}>
          <title>{`trial ${trialId}`}</title>
          <polyline
            points={places.map(([left, height]) => `${across(left).toFixed(1)},${up(height).toFixed(1)}`).join(' ')} fill="none" stroke={chosen === trialId ? 'var(--mantine-color-orange-6)' : colourOf(ranks.get(trialId) ?? null)}
            strokeWidth={chosen === trialId ? 2.5 : 1.3} opacity={chosen === null || chosen === trialId ? 0.9 : 0.25}
          />
          {places.length === 1 ? <circle cx={across(places[0]?.[0] ?? 0)} cy={up(places[0]?.[1] ?? 0)} r="3" fill={colourOf(ranks.get(trialId) ?? null)} /> : null}
        </g>
      ))}
    </svg>
  )
}

function scaled({ curves }: CurvesAnswer): { x: Axis; y: Axis; curves: { trialId: number; places: [number, number][] }[] } {
  const drawn = curves.filter((curve) => curve.points.length > 0)
  const x = axisOf('steps', [0, ...drawn.flatMap((curve) => curve.points.map(([steps]) => steps))])
  const y = axisOf('value', drawn.flatMap((curve) => curve.points.map(([, value]) => value)))
  return { x, y, curves: drawn.map(({ trialId, points }) => ({ trialId, places: points.flatMap(([steps, value]): [number, number][] => [[x.placeOf(steps) ?? 0, y.placeOf(value) ?? 0]]) })) }
}
