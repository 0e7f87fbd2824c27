/**
 * Fewer points that look the same: of each bucket of steps the lowest and the highest value stay, in order of
 * steps, and the first and last point of all. So a spike of one report is still seen among a million.
 *
 * @param xs strictly growing. @param maxPoints at least 4.
 * @returns the points themselves when there are not too many.
 */
export function downsample(xs: readonly number[], ys: readonly number[], maxPoints: number): { xs: readonly number[]; ys: readonly number[] } {
  const count = xs.length
  if (count <= maxPoints) return { xs, ys }
  const buckets = Math.max(1, Math.floor((maxPoints - 2) / 2))
  const outX: number[] = [at(xs, 0)]
  const outY: number[] = [at(ys, 0)]
  const inner = count - 2
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const from = 1 + Math.floor((bucket * inner) / buckets)
    const to = 1 + Math.floor(((bucket + 1) * inner) / buckets)
    if (from === to) continue
    let low = from
    let high = from
    for (let i = from + 1; i < to; i += 1) {
      if (at(ys, i) < at(ys, low)) low = i
      if (at(ys, i) > at(ys, high)) high = i
    }
    for (const i of low === high ? [low] : low < high ? [low, high] : [high, low]) {
      outX.push(at(xs, i))
      outY.push(at(ys, i))
    }
  }
  outX.push(at(xs, count - 1))
  outY.push(at(ys, count - 1))
  return { xs: outX, ys: outY }
}

/** The points within [from, to] and one beyond each end, so that the line runs to the edge. */
export function cut(xs: readonly number[], ys: readonly number[], from: number, to: number): { xs: readonly number[]; ys: readonly number[] } {
  const first = Math.max(0, lowerBound(xs, from) - 1)
  const last = Math.min(xs.length, lowerBound(xs, to) + 2)
  return { xs: xs.slice(first, last), ys: ys.slice(first, last) }
}

/**
 * Exponential moving average, with the correction for its start, so that the curve begins at its first value.
 * @param weight 0 = as measured, towards 1 = smoother.
 */
export function smooth(ys: readonly number[], weight: number): readonly number[] {
  if (weight <= 0) return ys
  let sum = 0
  let mass = 0
  return ys.map((y) => {
    sum = sum * weight + y * (1 - weight)
    mass = mass * weight + (1 - weight)
    return sum / mass
  })
}

function lowerBound(xs: readonly number[], value: number): number {
  let low = 0
  let high = xs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (at(xs, middle) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The index is within the array by construction. */
function at(values: readonly number[], index: number): number {
  return values[index] as number
}
