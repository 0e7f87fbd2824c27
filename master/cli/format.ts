import { stateWord } from './shapes.ts'
import type { TrialLog } from './shapes.ts'

/** How values look in tables and lines. */
export function whenText(time: string | null | undefined): string {
  return time === null || time === undefined ? '' : time.replace('T', ' ').replace(/(\.\d+)?(Z|\+00:00)$/, '')
}

export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1]
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`
}

/** Four significant digits; what is no number is shown as it is. */
export function numberText(value: unknown): string {
  if (typeof value !== 'number') return value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
}

export function shareText(share: number | null | undefined): string {
  return share === null || share === undefined ? '' : `${Math.floor(share * 100)}%`
}

/** `loss 0.31  accuracy 0.89`, at most four. */
export function metricsText(values: Readonly<Record<string, unknown>> | undefined): string {
  const shown = Object.entries(values ?? {}).filter(([, value]) => typeof value === 'number' || value === 'NaN')
  return shown.slice(0, 4).map(([name, value]) => `${name} ${numberText(value)}`).join('  ')
}

/** A carriage return begins a new line here: progress bars stay readable and nothing is overwritten. */
export function logText(entry: TrialLog): string {
  const head = `[${entry.timestamp}]${entry.rankId === undefined || entry.rankId === 0 ? '' : ` [rank=${entry.rankId}]`} ${levelText(entry.level)}|| `
  const text = entry.log ?? entry.message
  return text
    .replace(/[\r\n]+$/, '')
    .split(/[\r\n]+/)
    .map((part) => head + part)
    .join('\n')
}

function levelText(level: string | undefined): string {
  const word = stateWord(level ?? '')
  return word === '' || word === 'UNSPECIFIED' || word === 'INFO' ? '' : `${word} `
}
