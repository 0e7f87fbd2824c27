/**
 * Limits guesses at passwords: a sliding window of attempts per key (address, account). An attempt is counted before the
 * password is looked at, so that parallel guesses gain nothing, and forgiven when it was right.
 */
export interface Throttle {
  /** 0: go on. Otherwise the seconds to wait; the attempt is not counted then. */
  take(key: string, nowMs: number): number
  forgive(key: string): void
}

export function createThrottle(options: { max: number; windowMs: number; keysMax: number }): Throttle {
  const attempts = new Map<string, number[]>()
  return {
    take(key, nowMs) {
      const recent = (attempts.get(key) ?? []).filter((at) => nowMs - at < options.windowMs)
      // re-inserted, so that the map is ordered by last use and the oldest key is the one to forget
      attempts.delete(key)
      attempts.set(key, recent)
      if (attempts.size > options.keysMax) forgetOldest(attempts)
      const [first] = recent
      if (recent.length >= options.max && first !== undefined) return Math.max(1, Math.ceil((first + options.windowMs - nowMs) / 1000))
      recent.push(nowMs)
      return 0
    },
    forgive(key) {
      attempts.get(key)?.pop()
    },
  }
}

function forgetOldest(attempts: Map<string, number[]>): void {
  const oldest = attempts.keys().next()
  if (!oldest.done) attempts.delete(oldest.value)
}
