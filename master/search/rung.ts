import { push, replaceRoot } from './heap.ts'
import type { Rung } from './words.ts'

/** The score of whoever has none: NaN, or a trial that failed. Never among the best. */
export const WORST = Number.MAX_VALUE
/** Infinities are no JSON; as far out as a score can be and still be better than none. */
const FAR = Number.MAX_VALUE * (1 - Number.EPSILON)

/** Smaller is better. */
export function scoreOf(metric: number | null, smallerIsBetter: boolean): number {
  if (metric === null || Number.isNaN(metric)) return WORST
  const score = smallerIsBetter ? metric : -metric
  return Math.min(FAR, Math.max(-FAR, score))
}

/** How many of so many go on: one in `divisor`, and always one. */
export function bestOf(count: number, divisor: number): number {
  return Math.max(1, Math.floor(count / divisor))
}

/**
 * Adds a score and says whether it is among the best 1/divisor of those seen so far. Of equal scores the earlier one
 * ranks higher. O(log n): the border between the best and the rest moves by one at most, since divisor is above 1.
 */
export function enter(rung: Rung, score: number, divisor: number): boolean {
  const { top, rest } = rung
  const isGrowing = bestOf(top.length + rest.length + 1, divisor) > top.length
  if (isGrowing) {
    const isBest = rest.length === 0 || score < (rest[0] ?? score)
    push(top, -(isBest ? score : replaceRoot(rest, score)))
    return isBest && score < WORST
  }
  const isBest = score < -(top[0] ?? -WORST)
  push(rest, isBest ? -replaceRoot(top, -score) : score)
  return isBest
}
