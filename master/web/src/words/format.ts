/** Numbers and times as people read them, always with the unit. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1536` -> `1.5 KiB`. Not finite or negative: an en dash. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '–'
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${trimZeros(value.toFixed(digits))} ${BYTE_UNITS[unit]}`
}

/** Two units at most, so that a column of durations stays narrow: `42 s`, `3 min 07 s`, `5 h 02 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** `just now`, `5 min ago`, `in 3 s`; days and more as the date. */
export function formatAgo(time: number, now: number): string {
  const ms = now - time
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0) return ms > -2000 ? 'just now' : `in ${coarse(-ms)}`
  if (ms < 2000) return 'just now'
  return `${coarse(ms)} ago`
}

function coarse(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86400)} d`
}

/** A metric: five significant digits, no needless zeros; very small and very large in powers of ten. */
export function formatMetric(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size < 1e-4 || size >= 1e9) return value.toExponential(3).replace(/\.?0+e/, 'e')
  if (Number.isInteger(value)) return value.toLocaleString('en-US')
  return trimZeros(value.toPrecision(size >= 1e4 ? 7 : 5))
}

/** `12345` -> `12,345`. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US') : '–'
}

/** Dollars: `$1.23`, `$0.0012` below a cent; an unknown price: `unknown`. */
export function formatDollars(dollars: number | null): string {
  if (dollars === null || !Number.isFinite(dollars)) return 'unknown'
  if (dollars !== 0 && Math.abs(dollars) < 0.01) return `$${dollars.toPrecision(2)}`
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}

/** Share of one, `0.427` -> `43 %`; never 100 % before it is done. */
export function formatShare(share: number): string {
  const clamped = Math.min(1, Math.max(0, share))
  return `${clamped < 1 ? Math.min(99, Math.round(clamped * 100)) : 100} %`
}

/** Local wall time `2026-11-23 21:04:05`, for tables and the log. */
export function formatTime(time: number, withMillis = false): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return '–'
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  return `${day} ${clock}${withMillis ? `.${String(date.getMilliseconds()).padStart(3, '0')}` : ''}`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

function trimZeros(text: string): string {
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text
}
