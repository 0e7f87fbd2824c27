import type uPlot from 'uplot'
import { formatCount, formatMetric } from '../words/format.ts'
import type { Ink } from './ink.ts'
import type { Range } from './plot-data.ts'

/** Charts of one page point at the same step. */
const SYNC_KEY = 'steps'
/** Above this many points their dots would hide the line. */
const DOTS_BELOW = 60

interface Wish {
  ink: Ink
  colours: readonly string[]
  logScale: boolean
  width: number
  height: number
  /** the steps to show, asked with each drawing; null: all */
  rangeNow: () => Range | null
  /** null: all of it */
  onZoom: (range: Range | null) => void
  /** values at the pointer, one for each series; null when the pointer leaves */
  onPoint: (point: { steps: number; values: readonly (number | null)[] } | null) => void
}

export function plotOptions(wish: Wish): uPlot.Options {
  const font = '11px system-ui, sans-serif'
  const axis = { stroke: wish.ink.axis, font, grid: { stroke: wish.ink.grid, width: 1 }, ticks: { stroke: wish.ink.grid, width: 1, size: 4 } }
  return {
    width: wish.width,
    height: wish.height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    // The pointer is shared, the drag is not: the page itself gives the range to all charts.
    cursor: { sync: { key: SYNC_KEY, filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' } }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => () => (wish.onZoom(null), null) } },
    scales: { x: { time: false, range: (_plot, low, high) => stepsOf(wish.rangeNow(), low, high) }, y: wish.logScale ? { distr: 3 } : { range: (_plot, low, high) => rangeOf(low, high) } },
    axes: [
      { ...axis, size: 30, values: (_plot, splits) => splits.map((split) => (Number.isInteger(split) ? shortCount(split) : '')) },
      { ...axis, size: 62, values: (_plot, splits) => splits.map((split) => (split === null ? '' : formatMetric(split))) },
    ],
    series: [{}, ...wish.colours.map((stroke): uPlot.Series => ({ stroke, width: 1.6, spanGaps: true, points: { show: (plot, index) => countOf(plot.data[index]) < DOTS_BELOW, size: 5, fill: stroke } }))],
    hooks: {
      setSelect: [(plot) => {
        if (plot.select.width < 4) return
        wish.onZoom({ from: plot.posToVal(plot.select.left, 'x'), to: plot.posToVal(plot.select.left + plot.select.width, 'x') })
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
      }],
      setCursor: [(plot) => wish.onPoint(pointAt(plot))],
    },
  }
}

/** For each series its value at the pointer or the nearest before it. */
function pointAt(plot: uPlot): { steps: number; values: readonly (number | null)[] } | null {
  const index = plot.cursor.idx
  if (index === null || index === undefined) return null
  const steps = plot.data[0][index]
  if (steps === undefined) return null
  const values = plot.data.slice(1).map((column) => {
    for (let i = index; i >= 0; i -= 1) {
      const value = column?.[i]
      if (value !== null && value !== undefined) return value
    }
    return null
  })
  return { steps, values }
}

function stepsOf(range: Range | null, low: number | null, high: number | null): [number, number] {
  if (range !== null) return [range.from, range.to]
  if (low === null || high === null) return [0, 1]
  return low === high ? [low - 1, high + 1] : [low, high]
}

/** A flat curve gets room around it; uPlot would draw it on the edge. */
function rangeOf(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1]
  const room = high === low ? Math.max(Math.abs(high) * 0.1, 1e-6) : (high - low) * 0.06
  return [low - room, high + room]
}

function countOf(column: ArrayLike<number | null | undefined> | undefined): number {
  let count = 0
  for (let i = 0; i < (column?.length ?? 0) && count <= DOTS_BELOW; i += 1) if (typeof column?.[i] === 'number') count += 1
  return count
}

/** `12000` -> `12k`: an axis has little room. */
function shortCount(value: number): string {
  if (Math.abs(value) >= 1e6) return `${formatMetric(value / 1e6)}M`
  if (Math.abs(value) >= 1e4) return `${formatMetric(value / 1e3)}k`
  return formatCount(value)
}
