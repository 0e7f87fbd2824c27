import type { ConfigMistake } from '../experiment-config.ts'
import { describe, isRecord } from './document.ts'

/** Reads one mapping key by key and notes every mistake instead of stopping at the first. */
export interface Reader {
  string(key: string, fallback: string | undefined, limits?: { max?: number; pattern?: RegExp; says?: string }): string
  integer(key: string, fallback: number | undefined, limits: { min: number; max: number }): number
  boolean(key: string, fallback: boolean): boolean
  oneOf<T extends string>(key: string, fallback: T | undefined, allowed: readonly T[]): T
  /** value as it stands; null and absent are the same */
  raw(key: string): unknown
  has(key: string): boolean
  mapping(key: string): Reader
  list(key: string): { value: unknown; path: string }[]
  mistake(key: string, message: string): void
  /** Call last: names keys that nobody read. `ignored`: known to Determined, without meaning here. */
  done(ignored?: readonly string[]): void
  readonly path: string
}

export interface Notes {
  errors: ConfigMistake[]
  warnings: ConfigMistake[]
}

export function reader(value: unknown, path: string, notes: Notes): Reader {
  if (value !== undefined && value !== null && !isRecord(value)) notes.errors.push({ path, message: `must be a mapping, found ${describe(value)}` })
  const data = isRecord(value) ? value : {}
  const known = new Set<string>()
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
  const wrong = (key: string, message: string): void => void notes.errors.push({ path: at(key), message })
  const take = (key: string): unknown => {
    known.add(key)
    return data[key] ?? undefined
  }
  const missing = (key: string, what: string): void => wrong(key, `is missing: ${what}`)

  const self: Reader = {
    path,
    has: (key) => data[key] !== undefined && data[key] !== null,
    raw: take,
    mistake: wrong,
    string(key, fallback, limits = {}) {
      const found = take(key)
      const says = limits.says ?? 'give a string'
      if (found === undefined) {
        if (fallback === undefined) missing(key, says)
        return fallback ?? ''
      }
      const text = typeof found === 'number' || typeof found === 'boolean' ? String(found) : found
      if (typeof text !== 'string') wrong(key, `is ${describe(found)}: ${says}`)
      else if (text.length > (limits.max ?? 4096)) wrong(key, `has ${text.length} characters, at most ${limits.max ?? 4096} are allowed`)
      else if (limits.pattern && !limits.pattern.test(text)) wrong(key, `is ${describe(text)}: ${says}`)
      else return text
      return fallback ?? ''
    },
    integer(key, fallback, { min, max }) {
      const found = take(key)
      if (found === undefined) {
        if (fallback === undefined) missing(key, `give a whole number from ${min} to ${max}`)
        return fallback ?? min
      }
      if (typeof found === 'number' && Number.isSafeInteger(found) && found >= min && found <= max) return found
      wrong(key, `is ${describe(found)}: a whole number from ${min} to ${max} is allowed`)
      return fallback ?? min
    },
    boolean(key, fallback) {
      const found = take(key)
      if (found === undefined || typeof found === 'boolean') return found ?? fallback
      wrong(key, `is ${describe(found)}: true or false is allowed`)
      return fallback
    },
    oneOf(key, fallback, allowed) {
      const found = take(key)
      const match = allowed.find((name) => name === found)
      if (match !== undefined) return match
      if (found === undefined && fallback !== undefined) return fallback
      if (found === undefined) missing(key, `one of ${allowed.join(', ')} is allowed`)
      else wrong(key, `is ${describe(found)}: one of ${allowed.join(', ')} is allowed${meant(String(found), allowed)}`)
      return fallback ?? (allowed[0] as (typeof allowed)[number])
    },
    mapping: (key) => reader(take(key), at(key), notes),
    list(key) {
      const found = take(key)
      if (found === undefined) return []
      if (Array.isArray(found)) return found.map((value: unknown, index) => ({ value, path: `${at(key)}[${index}]` }))
      wrong(key, `is ${describe(found)}: a list is allowed`)
      return []
    },
    done(ignored = []) {
      for (const key of Object.keys(data)) {
        if (known.has(key)) continue
        if (ignored.includes(key)) notes.warnings.push({ path: at(key), message: 'is accepted and has no effect in Drover' })
        else wrong(key, `is not a known key${meant(key, [...known, ...ignored])}`)
      }
    },
  }
  return self
}

/** `, did you mean x?` where a known name is near. */
export function meant(found: string, names: readonly string[]): string {
  const near = names.map((name) => ({ name, far: distance(found.slice(0, 40), name) })).toSorted((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))[0]
  return near && near.far <= Math.max(1, Math.floor(near.name.length / 3)) ? `, did you mean ${near.name}?` : ''
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
    }
    row = next
  }
  return row[b.length] ?? 0
}
