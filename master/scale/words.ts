import type { Offer } from './world.ts'

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** A few names, and how many more there are. */
export function some(names: readonly string[], most = 4): string {
  const rest = names.length - most
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ')
}

export function minutes(ms: number): string {
  return ms < 120_000 ? count(Math.round(ms / 1_000), 'second') : count(Math.round(ms / 60_000), 'minute')
}

/** `g5.xlarge in us-east-1a, spot`. */
export function offerText({ type, zone, market }: Pick<Offer, 'type' | 'zone' | 'market'>): string {
  return `${type} in ${zone}, ${market}`
}

/** Time of day of a moment, UTC. */
export function timeOfDay(ms: number): string {
  const seconds = Math.ceil(ms / 1_000) % 86_400
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0')
  return `${two(seconds / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)} UTC`
}
