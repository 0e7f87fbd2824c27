import type { ConfigMistake } from '../experiment-config.ts'

/** What was found while reading a configuration; every reader adds to it and goes on, so that all mistakes come at once. */
export interface Findings {
  errors: ConfigMistake[]
  warnings: ConfigMistake[]
}

export function addError(found: Findings, path: string, message: string): void {
  found.errors.push({ path, message })
}

export function addWarning(found: Findings, path: string, message: string): void {
  found.warnings.push({ path, message })
}

/** `resources` + `priority` -> `resources.priority`; a key that is no plain word is quoted. */
export function under(path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `${path}[${quote(key)}]`
  return path === '' ? key : `${path}.${key}`
}

export function at(path: string, index: number): string {
  return `${path}[${index}]`
}

const SHOWN_MAX = 60

/** The found value for a message: its text, shortened and free of control characters, and its kind. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return `${quote(value)} (text)`
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return `a map with ${Object.keys(value).length === 0 ? 'no keys' : `key ${quote(Object.keys(value)[0] ?? '')}`}`
  return `${String(value)} (${typeof value === 'boolean' ? 'true or false' : 'a number'})`
}

export function quote(text: string): string {
  const short = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
