import type { Trial } from '../api/shapes.ts'

/** 0 best, 1 worst of what was reached; null where a trial has reached nothing. */
export function rankOf(trials: readonly Trial[], smallerIsBetter: boolean): Map<number, number | null> {
  const values = trials.flatMap((trial) => valueOf(trial) ?? [])
  const low = Math.min(...values)
  const high = Math.max(...values)
  return new Map(trials.map((trial) => {
    const value = valueOf(trial)
    if (value === null) return [trial.id, null]
    const share = high === low ? 0 : (value - low) / (high - low)
    return [trial.id, smallerIsBetter ? share : 1 - share]
  }))
}

export function valueOf(trial: Trial): number | null {
  const value = trial.searcherMetricValue
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** From teal (best) to grey; told apart by lightness alone too. */
export function colourOf(rank: number | null): string {
  if (rank === null) return 'var(--mantine-color-gray-5)'
  return `color-mix(in oklch, var(--mantine-color-teal-6) ${Math.round((1 - rank) * 100)}%, var(--mantine-color-gray-5))`
}

/** Best first; those that have reached nothing last, in the order they were made. */
export function bestFirst(trials: readonly Trial[], smallerIsBetter: boolean): Trial[] {
  const sign = smallerIsBetter ? 1 : -1
  return trials.toSorted((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)]
    if (left === null || right === null) return Number(left === null) - Number(right === null) || a.id - b.id
    return (left - right) * sign || a.id - b.id
  })
}
