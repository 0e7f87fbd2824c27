import { addError, addWarning, quote, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { nearest } from './nearest.ts'

/** Readers of single fields. Null and absent mean the default; a mistake is added to `found` and the default stands in for it. */
export type Fields = Readonly<Record<string, unknown>>

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `without`: keys of Determined's that have no meaning here, each with why; they are accepted and named in a warning. */
export function readMap(found: Findings, path: string, value: unknown, keys: readonly string[], without: Readonly<Record<string, string>> = {}): Fields {
  if (value === null || value === undefined) return {}
  if (!isMapping(value)) {
    addError(found, path, `found ${show(value)}; a map is needed, with any of: ${keys.join(', ')}`)
    return {}
  }
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue
    const why = Object.hasOwn(without, key) ? without[key] : undefined
    if (why !== undefined) {
      warnIdle(found, under(path, key), value[key], why)
      continue
    }
    const meant = nearest(key, [...keys, ...Object.keys(without)])
    addError(found, under(path, key), `unknown key ${quote(key)}; ${meant === null ? `known here: ${keys.join(', ')}` : `did you mean ${quote(meant)}?`}`)
  }
  return value
}

/** A field that asks for something which this system does not do: accepted, named, and told why. */
export function warnIdle(found: Findings, path: string, value: unknown, why: string): void {
  if (!isEmpty(value)) addWarning(found, path, `is accepted and has no effect here: ${why}`)
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true
  return Array.isArray(value) ? value.length === 0 : isMapping(value) && Object.keys(value).length === 0
}

export function readList(found: Findings, path: string, value: unknown, max: number, of: string): readonly unknown[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) {
    addError(found, path, `found ${show(value)}; a list of ${of} is needed`)
    return []
  }
  if (value.length > max) addError(found, path, `found a list of ${value.length}; at most ${max} are allowed`)
  return value.slice(0, max)
}

export function readFlag(found: Findings, path: string, value: unknown, fallback: boolean): boolean {
  if (value === null || value === undefined) return fallback
  if (typeof value === 'boolean') return value
  addError(found, path, `found ${show(value)}; true or false is needed`)
  return fallback
}

export function readWhole<T extends number | null>(found: Findings, path: string, value: unknown, fallback: T, min: number, max: number): number | T {
  if (value === null || value === undefined) return fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  addError(found, path, `found ${show(value)}; a whole number from ${min} to ${max} is needed`)
  return fallback
}

export interface NumberLimits {
  min?: number
  /** exclusive */
  above?: number
  max?: number
}

export function readNumber<T extends number | null>(found: Findings, path: string, value: unknown, fallback: T, limits: NumberLimits): number | T {
  if (value === null || value === undefined) return fallback
  const { min = -Infinity, above = -Infinity, max = Infinity } = limits
  if (typeof value === 'number' && value >= min && value > above && value <= max) return value
  const bounds = [limits.min === undefined ? '' : ` of at least ${min}`, limits.above === undefined ? '' : ` above ${above}`, limits.max === undefined ? '' : `, at most ${max}`].join('')
  const cure = typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? '; write it without quotes' : ''
  addError(found, path, `found ${show(value)}; a number${bounds} is needed${cure}`)
  return fallback
}

export interface TextLimits {
  max: number
  /** new lines and tabs allowed, as in a description */
  multiline?: boolean
  emptyAllowed?: boolean
  /** must match; `shape` says it in words */
  pattern?: RegExp
  shape?: string
}

export function readText<T extends string | null>(found: Findings, path: string, value: unknown, fallback: T, limits: TextLimits): string | T {
  if (value === null || value === undefined) return fallback
  if (typeof value !== 'string') {
    const cure = typeof value === 'number' || typeof value === 'boolean' ? `; write it in quotes: "${String(value)}"` : ''
    addError(found, path, `found ${show(value)}; text is needed${cure}`)
    return fallback
  }
  const mistake = textMistake(value, limits)
  if (mistake === null) return value
  addError(found, path, mistake)
  return fallback
}

function textMistake(value: string, limits: TextLimits): string | null {
  if (value.trim() === '' && limits.emptyAllowed !== true) return `found ${show(value)}; it must not be blank`
  if (value.length > limits.max) return `found text of ${value.length} characters; at most ${limits.max} are allowed`
  const control = limits.multiline === true ? /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/ : /[\u0000-\u001f\u007f-\u009f]/
  if (control.test(value.replaceAll('\r\n', '\n'))) return `found ${show(value)}; control characters are not allowed`
  if (limits.pattern !== undefined && !limits.pattern.test(value)) return `found ${show(value)}; ${limits.shape ?? `it must match ${limits.pattern.source}`}`
  return null
}

export function readChoice<T extends string>(found: Findings, path: string, value: unknown, fallback: T, choices: readonly T[]): T {
  if (value === null || value === undefined) return fallback
  const choice = choices.find((one) => one === value)
  if (choice !== undefined) return choice
  const meant = typeof value === 'string' ? nearest(value, choices) : null
  addError(found, path, `found ${show(value)}; allowed: ${choices.join(', ')}${meant === null ? '' : `; did you mean ${quote(meant)}?`}`)
  return fallback
}

/** True when the field is there; else the error says what is needed. */
export function requireField(found: Findings, path: string, value: unknown, needed: string): boolean {
  if (value !== null && value !== undefined) return true
  addError(found, path, `is missing; ${needed}`)
  return false
}

export const ABSOLUTE: Pick<TextLimits, 'pattern' | 'shape'> = { pattern: /^(?!.*\/\.\.(?:\/|$))\//, shape: 'an absolute path without ".." is needed' }
