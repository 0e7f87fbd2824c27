import uPlot from 'uplot'
import { cut, downsample, smooth } from './downsample.ts'
import type { Series } from './metric-store.ts'

/** Steps, both ends within. */
export interface Range {
  from: number
  to: number
}

/** Points of a curve that are drawn: about two for each pixel of a wide chart. */
const MAX_POINTS = 1600

/** Series of different steps on one axis of steps; where a series has no point there is null. */
export function plotData(series: readonly Series[], view: { range: Range | null; weight: number }): uPlot.AlignedData {
  const tables = series.map(({ steps, values }): uPlot.AlignedData => {
    const smoothed = smooth(values, view.weight)
    const seen = view.range === null ? { xs: steps, ys: smoothed } : cut(steps, smoothed, view.range.from, view.range.to)
    const { xs, ys } = downsample(seen.xs, seen.ys, MAX_POINTS)
    return [[...xs], [...ys]]
  })
  if (tables.length === 0) return [[]]
  return tables.length === 1 ? (tables[0] as uPlot.AlignedData) : uPlot.join(tables)
}
