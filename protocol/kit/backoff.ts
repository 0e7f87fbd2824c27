/** Full-jitter exponential backoff: uniform in [0, min(cap, base * 2^attempt)), never below `floorMs`. */
export function backoffMs(attempt: number, random: () => number, options: { baseMs: number; capMs: number; floorMs?: number }): number {
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30))
  return Math.max(options.floorMs ?? 0, Math.floor(random() * ceiling))
}
