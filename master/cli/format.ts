import type { ApiLaunch } from '../../protocol/wire/api.ts'
import { stateWord } from './shapes.ts'
import type { Cost, TrialLog } from './shapes.ts'

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

/** Dollars: `$1.23`, `$0.0012` below a cent, `?` where the price is not known. */
export function moneyText(dollars: number | null | undefined): string {
  if (dollars === null || dollars === undefined) return '?'
  return dollars !== 0 && Math.abs(dollars) < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`
}

/** Dollars an hour, as prices are given: `1.006`, `?` where it is not known. */
export function rateText(perHour: number | null | undefined): string {
  return perHour === null || perHour === undefined ? '?' : String(Number(perHour.toFixed(4)))
}

/** `42s`, `3m07s`, `5h02m`, `3d04h`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`
  return `${Math.floor(seconds / 86_400)}d${two(Math.floor(seconds / 3600) % 24)}h`
}

/** Where the money went: `$1.23: useful $1.00, boot $0.10, idle $0.05, lost $0.08`. */
export function costText(cost: Cost): string {
  return `${moneyText(cost.total)}: useful ${moneyText(cost.useful)}, boot ${moneyText(cost.boot)}, idle ${moneyText(cost.idle)}, lost ${moneyText(cost.lost)}`
}

/** What goes on after a semicolon ends with no full stop. */
export function withoutStop(text: string): string {
  return text.replace(/\.\s*$/, '')
}

/** Columns stay short: the rest is in `describe` and in -o json. */
export function shortText(text: string, most = 60): string {
  return text.length <= most ? text : `${text.slice(0, most - 3).trimEnd()}...`
}

/** What came of it: its instances, or EC2's code and words and what was tried next. */
export function launchOutcome(launch: ApiLaunch): string {
  if (launch.state === 'DONE') return launch.instances.join(' ')
  if (launch.error === null) return launch.calledAt === null ? 'not asked yet' : 'EC2 has not answered'
  const next = launch.followedBy
  return `${launch.error.code}: ${withoutStop(launch.error.text)}${next === null ? '' : `; then tried ${next.type} ${next.zone} ${next.market}: ${next.state}`}`
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
