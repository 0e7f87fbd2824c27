import { Box, Text } from '@mantine/core'
import { type ReactNode, useMemo } from 'react'
import type { Trial } from '../api/shapes.ts'
import { formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { axisOf, type Axis } from './axis.ts'
import { flatHparams, varyingNames, type HpValue } from './hparams.ts'
import { colourOf, valueOf } from './rank.ts'

const HEIGHT = 260
const TOP = 34
const FOOT = 14
const GAP = 150
const AXES_MAX = 12

interface Props {
  trials: readonly Trial[]
  metric: string
  ranks: ReadonlyMap<number, number | null>
  chosen: number | null
  onChoose: (id: number | null) => void
}

/** Parallel coordinates: a line for each trial over its hyperparameters to what it reached. */
export function Parallel({ trials, metric, ranks, chosen, onChoose }: Props): ReactNode {
  const { axes, rows } = useMemo(() => layOut(trials, metric), [trials, metric])
  if (axes.length < 2) return null
  const width = (axes.length - 1) * GAP + 120
  const x = (index: number): number => 60 + index * GAP
  const y = (place: number): number => TOP + (1 - place) * (HEIGHT - TOP - FOOT)
  return (
    <Box className="panel" p="sm" style={{ overflowX: 'auto' }} data-testid="parallel">
      <Text fw={600} size="sm" mb={4}>Hyperparameters</Text>
      <svg width={width} height={HEIGHT} role="img" aria-label={`Hyperparameters of ${trials.length} trials and their ${metric}`} style={{ display: 'block' }} onMouseLeave={() => onChoose(null)}>
        {rows.map(({ id, places }) => (
          <path
            key={id} d={pathOf(places, x, y)} fill="none" stroke={chosen === id ? 'var(--mantine-color-orange-6)' : colourOf(ranks.get(id) ?? null)} strokeWidth={chosen === id ? 2.5 : 1.2}
            opacity={chosen === null || chosen === id ? 0.9 : 0.25} data-trial={id} onMouseEnter={() => onChoose(id)}
          />
        ))}
        {axes.map((axis, index) => <AxisMarks key={axis.name} axis={axis} x={x(index)} y={y} />)}
      </svg>
    </Box>
  )
}

function AxisMarks({ axis, x, y }: { axis: Axis; x: number; y: (place: number) => number }): ReactNode {
  return (
    <g fontSize="11" fill="var(--quiet)">
      <text x={x} y={14} textAnchor="middle" fontWeight="600">{short(neutralise(axis.name), 22)}</text>
      <line x1={x} x2={x} y1={y(1)} y2={y(0)} stroke="var(--line)" strokeWidth="1.5" />
      {axis.ticks.map(({ at, value }) => <text key={String(value)} x={x + 5} y={y(at) + 4}>{typeof value === 'number' ? formatMetric(value) : short(neutralise(value), 18)}</text>)}
    </g>
  )
}

interface Row {
  id: number
  /** null where the trial has no value of that name */
  places: (number | null)[]
}

function layOut(trials: readonly Trial[], metric: string): { axes: Axis[]; rows: Row[] } {
  const flat = new Map(trials.map((trial) => [trial.id, flatHparams(trial.hparams)]))
  const of = (trial: Trial, name: string): HpValue | undefined => flat.get(trial.id)?.[name]
  const axes = varyingNames([...flat.values()]).slice(0, AXES_MAX - 1).map((name) => axisOf(name, trials.map((trial) => of(trial, name))))
  const reached = axisOf(metric, trials.map((trial) => valueOf(trial) ?? undefined))
  const rows = trials.map((trial) => ({ id: trial.id, places: [...axes.map((axis) => axis.placeOf(of(trial, axis.name))), reached.placeOf(valueOf(trial) ?? undefined)] }))
  return { axes: reached.ticks.length === 0 ? axes : [...axes, reached], rows }
}

/** Breaks where a value is missing. */
function pathOf(places: readonly (number | null)[], x: (index: number) => number, y: (place: number) => number): string {
  let isOpen = false
  return places.map((place, index) => {
    if (place === null) {
      isOpen = false
      return ''
    }
    const step = `${isOpen ? 'L' : 'M'}${x(index)} ${y(place).toFixed(1)}`
    isOpen = true
    return step
  }).join('')
}

function short(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
