import { Box, Group, Text, useComputedColorScheme } from '@mantine/core'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import { formatCount, formatMetric } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { inkOf, seriesColour } from './ink.ts'
import type { Chart, Series } from './metric-store.ts'
import { plotOptions } from './plot-options.ts'
import { type Range, plotData } from './plot-data.ts'

const HEIGHT_PX = 230

interface Props {
  chart: Chart
  /** says when the series, which are changed in place, have grown */
  version: number
  logScale: boolean
  weight: number
  /** null: all steps */
  range: Range | null
  onZoom: (range: Range | null) => void
}

/** A chart of one measure. */
export function CurveChart({ chart, version, logScale, weight, range, onZoom }: Props): ReactNode {
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [pointed, setPointed] = useState<{ steps: number; values: readonly (number | null)[] } | null>(null)
  const scheme = useComputedColorScheme('light')
  // A new curve in the chart needs new options; a new point does not.
  const shape = chart.series.map((series) => `${series.group}/${series.metric}`).join('\n')
  const positive = logScale && chart.series.every((series) => series.values.every((value) => value > 0))
  const data = useMemo(() => plotData(chart.series, { range, weight }), [chart, version, range, weight])
  const newest = useRef({ data, range })
  newest.current = { data, range }

  useEffect(() => {
    const element = holder.current
    if (element === null) return
    const options = plotOptions({
      ink: inkOf(scheme), colours: chart.series.map((series, index) => seriesColour(series.group, index)), logScale: positive,
      width: element.clientWidth, height: HEIGHT_PX, rangeNow: () => newest.current.range, onZoom, onPoint: setPointed,
    })
    const made = new uPlot(options, newest.current.data, element)
    plot.current = made
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== made.width) made.setSize({ width: element.clientWidth, height: HEIGHT_PX })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
    // `shape` stands for the series.
  }, [shape, scheme, positive, onZoom])

  useEffect(() => plot.current?.setData(data), [data, range])

  return (
    <Box className="panel" p="sm" data-chart={chart.key}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text fw={600} size="sm" className="ellipsis">{neutralise(chart.key)}</Text>
        <Text size="xs" className="quiet numbers">{pointed ? `step ${formatCount(pointed.steps)}` : logScale && !positive ? 'not all values are positive: linear' : 'newest'}</Text>
      </Group>
      <Legend chart={chart} values={pointed?.values ?? chart.series.map((series) => series.values.at(-1) ?? null)} />
      <div ref={holder} style={{ height: HEIGHT_PX }} />
      <NonFinite series={chart.series} />
    </Box>
  )
}

function Legend({ chart, values }: { chart: Chart; values: readonly (number | null)[] }): ReactNode {
  return (
    <Group gap="md" mb={4} mih={22} style={{ rowGap: 0 }}>
      {chart.series.map((series, index) => (
        <Text key={`${series.group}/${series.metric}`} size="xs" component="span">
          <span className="legend-swatch" style={{ background: seriesColour(series.group, index) }} />{' '}
          <span className="quiet">{neutralise(series.group)}{series.metric === chart.key ? '' : ` ${neutralise(series.metric)}`}</span>{' '}
          <b className="numbers">{values[index] === null || values[index] === undefined ? '–' : formatMetric(values[index])}</b>
        </Text>
      ))}
    </Group>
  )
}

/** A loss that became NaN is what an engineer must see first. */
function NonFinite({ series }: { series: readonly Series[] }): ReactNode {
  return series
    .filter((each) => each.nonFinite > 0)
    .map((each) => (
      <Text key={each.group} size="xs" c="red" fw={550}>
        {neutralise(each.group)}: {formatCount(each.nonFinite)} {each.nonFinite === 1 ? 'value is' : 'values are'} NaN or infinite, from step {formatCount(each.firstNonFinite ?? 0)}
      </Text>
    ))
}
