import { nearest } from '../protocol/words/config/nearest.ts'
import { DURATION_SHAPE, durationMs } from './config-duration.ts'
import type { SettingMistake } from './config-tree.ts'

/** Where readers leave what they find, so that all of it comes at once. */
export interface Found {
  readonly mistakes: SettingMistake[]
  readonly warnings: string[]
}

/** What a text must look like; `cure` says it in words. */
export interface Shape {
  readonly pattern: RegExp
  readonly cure: string
}

/**
 * One mapping within master.yaml, such as `resource_pools[0].provider`. A reader that finds a mistake notes it and answers
 * the fallback; null and absent are the same. Required keys have the fallback null.
 */
export interface Section {
  readonly has: (name: string) => boolean
  /** as it was parsed; undefined when absent */
  readonly value: (name: string) => unknown
  /** The one of several names of a setting that is given, the first when none is. Two at once are a mistake. */
  readonly oneOf: (...names: [string, ...string[]]) => string
  readonly text: (name: string, shape: Shape, fallback: string | null) => string
  /** one text, or a list of at least one; empty when absent */
  readonly texts: (name: string, shape: Shape) => string[]
  readonly flag: (name: string, fallback: boolean) => boolean
  readonly whole: (name: string, range: { min: number; max: number; fallback: number }) => number
  /** dollars, a number or its text; null when absent */
  readonly dollars: (name: string) => number | null
  readonly choice: <T extends string>(name: string, choices: readonly T[], fallback: T) => T
  readonly duration: (name: string, limits: { fallback: number; min: number; cure: string }) => number
  readonly section: (name: string) => Section
  readonly sections: (name: string) => Section[]
  /** Any other key is a mistake; those `without` meaning here are named in a warning. */
  readonly onlyKeys: (known: readonly string[], without: readonly string[]) => void
  readonly wrong: (name: string, cure: string) => void
  readonly warn: (name: string, text: string) => void
}

export function readSection(path: string, given: unknown, found: Found): Section {
  const fields = isMapping(given) ? given : {}
  if (given !== undefined && given !== null && !isMapping(given)) note(path, given, 'write a mapping of keys to values')

  function note(key: string, value: unknown, cure: string): void {
    found.mistakes.push({ key, value: show(value), cure })
  }
  const at = (name: string): unknown => (Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined)
  const key = (name: string): string => `${path}.${name}`
  const wrong = (name: string, cure: string): void => note(key(name), at(name), cure)
  const warn = (name: string, text: string): void => void found.warnings.push(`${key(name)} ${text}`)

  /** The value where `accept` takes it, else the fallback and a mistake. */
  function read<T>(name: string, fallback: T, cure: string, accept: (value: unknown) => T | undefined): T {
    const value = at(name)
    if (value === undefined) return fallback
    const accepted = accept(value)
    if (accepted === undefined) wrong(name, cure)
    return accepted ?? fallback
  }

  return {
    has: (name) => at(name) !== undefined,
    value: at,
    oneOf(...names) {
      const present = names.filter((name) => at(name) !== undefined)
      if (present.length > 1) wrong(present[1] ?? '', `it says the same as ${present[0]}: write one of the two`)
      return present[0] ?? names[0]
    },
    text(name, shape, fallback) {
      if (fallback === null && at(name) === undefined) wrong(name, `it is required: ${shape.cure}`)
      return read(name, fallback ?? '', shape.cure, (value) => (typeof value === 'string' && shape.pattern.test(value) ? value : undefined))
    },
    texts(name, shape) {
      const isText = (one: unknown): one is string => typeof one === 'string' && shape.pattern.test(one)
      return read<string[]>(name, [], `${shape.cure}, or a list of such, each once`, (value) => {
        const all: unknown[] = Array.isArray(value) ? value : [value]
        return all.length > 0 && all.every(isText) && new Set(all).size === all.length ? all : undefined
      })
    },
    flag: (name, fallback) => read(name, fallback, 'write true or false', (value) => (typeof value === 'boolean' ? value : undefined)),
    whole: (name, { min, max, fallback }) =>
      read(name, fallback, `write a whole number from ${min} to ${max}`, (value) => (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined)),
    dollars: (name) => read<number | null>(name, null, 'write dollars an hour greater than 0, for example 1.25', dollarsOf),
    choice: (name, choices, fallback) => {
      const value = at(name)
      const meant = typeof value === 'string' ? nearest(value, choices) : null
      return read(name, fallback, `write one of ${choices.join(', ')}${meant === null ? '' : `; did you mean ${meant}?`}`, (value) => choices.find((one) => one === value))
    },
    duration: (name, { fallback, min, cure }) => {
      const ms = read(name, fallback, DURATION_SHAPE, (value) => durationMs(String(value)) ?? undefined)
      if (ms < min) wrong(name, cure)
      return ms
    },
    section: (name) => readSection(key(name), at(name), found),
    sections(name) {
      const rows = read<unknown[]>(name, [], 'write a list of mappings', (value) => (Array.isArray(value) ? value : undefined))
      return rows.map((row, index) => readSection(`${key(name)}[${index}]`, row, found))
    },
    onlyKeys(known, without) {
      for (const name of Object.keys(fields)) {
        if (known.includes(name)) continue
        if (without.includes(name)) {
          if (!isEmpty(at(name))) warn(name, 'is accepted for compatibility and has no effect here')
          continue
        }
        const meant = nearest(name, known)
        wrong(name, meant === null ? `unknown key; known are ${known.join(', ')}` : `unknown key; did you mean ${meant}?`)
      }
    },
    wrong,
    warn,
  }
}

function dollarsOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,6}(\.\d{1,6})?$/.test(value) ? Number(value) : value
  return typeof number === 'number' && number > 0 && number < 1e6 ? number : undefined
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === false || value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 200)
}
