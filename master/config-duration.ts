const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const DURATION_MS_MAX = 365 * 24 * 3_600_000

export const DURATION_SHAPE = 'write a duration such as 90s, 20m or 1h30m'

/** `1h30m`, `10s`, `1.5h`, `250ms` as Go writes durations, to whole milliseconds; null = not one, or longer than a year. `0` needs no unit. */
export function durationMs(text: string): number | null {
  if (text === '0') return 0
  if (!/^(\d{1,9}(\.\d{1,6})?(ms|s|m|h))+$/.test(text)) return null
  let total = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
  return total <= DURATION_MS_MAX ? Math.round(total) : null
}
