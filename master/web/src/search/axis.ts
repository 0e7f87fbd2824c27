import type { HpValue } from './hparams.ts'

/** One upright line of the parallel coordinates: where on it a value lies, 0 at its foot. */
export interface Axis {
  name: string
  kind: 'linear' | 'log' | 'words'
  /** marks beside the line, from its foot up */
  ticks: { at: number; value: HpValue }[]
  placeOf(value: HpValue | undefined): number | null
}

const WORDS_MAX = 12
/** numbers that span more than this are told apart on a logarithmic line only */
const LOG_FROM = 50

export function axisOf(name: string, values: readonly (HpValue | undefined)[]): Axis {
  const given = values.filter((value): value is HpValue => value !== undefined)
  const numbers = given.filter((value): value is number => typeof value === 'number' && Number.isFinite(value))
  if (numbers.length < given.length || numbers.length === 0) return wordsAxis(name, given)
  const low = Math.min(...numbers)
  const high = Math.max(...numbers)
  return low > 0 && high / low >= LOG_FROM ? logAxis(name, low, high) : linearAxis(name, low, high)
}

function linearAxis(name: string, low: number, high: number): Axis {
  const place = (value: number): number => (high === low ? 0.5 : (value / 2 - low / 2) / (high / 2 - low / 2))
  return { name, kind: 'linear', ticks: ticksOf(low, high, place, (share) => low * (1 - share) + high * share), placeOf: (value) => (typeof value === 'number' && Number.isFinite(value) ? place(value) : null) }
}

function logAxis(name: string, low: number, high: number): Axis {
  const place = (value: number): number => (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
  return { name, kind: 'log', ticks: ticksOf(low, high, place, (share) => Math.exp(Math.log(low) * (1 - share) + Math.log(high) * share)), placeOf: (value) => (typeof value === 'number' && value > 0 ? place(value) : null) }
}

function ticksOf(low: number, high: number, place: (value: number) => number, at: (share: number) => number): Axis['ticks'] {
  if (low === high) return [{ at: 0.5, value: low }]
  return [0, 0.5, 1].map((share) => ({ at: place(at(share)), value: Number(at(share).toPrecision(3)) }))
}

/** Words in order of the alphabet, numbers among them as numbers; more than there is room for share the last place. */
function wordsAxis(name: string, given: readonly HpValue[]): Axis {
  const words = [...new Set(given)].sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1))
  const shown = words.slice(0, WORDS_MAX)
  const place = (index: number): number => (shown.length === 1 ? 0.5 : Math.min(index, shown.length - 1) / (shown.length - 1))
  return {
    name, kind: 'words', ticks: shown.map((value, index) => ({ at: place(index), value })),
    placeOf: (value) => {
      const index = value === undefined ? -1 : words.indexOf(value)
      return index < 0 ? null : place(index)
    },
  }
}
