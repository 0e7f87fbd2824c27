import { isMapping, readChoice, readFlag, readList, readMap, readNumber, readText, readWhole, requireField, warnIdle } from './fields.ts'
import type { NumberLimits, TextLimits } from './fields.ts'
import { addError, at, show, under } from './findings.ts'
import type { Findings } from './findings.ts'

/** JSON Schema (draft-07) of one field, for editors. */
export type EditorSchema = Readonly<Record<string, unknown>>

/**
 * One field of a configuration: how it is read, and what an editor is told of it, from the same words. Null and absent
 * mean the default; a mistake is added to `found` and the default stands in for it.
 */
export interface Shape<T> {
  read: (found: Findings, path: string, value: unknown) => T
  schema: EditorSchema
  needed?: true
}
export type Read<S> = S extends Shape<infer T> ? T : never

export function text<T extends string | null>(fallback: T, limits: TextLimits): Shape<string | T> {
  return { read: (found, path, value) => readText(found, path, value, fallback, limits), schema: { type: ['string', 'null'], maxLength: limits.max } }
}

export function whole<T extends number | null>(fallback: T, min: number, max: number): Shape<number | T> {
  return { read: (found, path, value) => readWhole(found, path, value, fallback, min, max), schema: { type: ['integer', 'null'], minimum: min, maximum: max, default: fallback } }
}

export function decimal<T extends number | null>(fallback: T, limits: NumberLimits): Shape<number | T> {
  const bounds = { ...(limits.min === undefined ? {} : { minimum: limits.min }), ...(limits.above === undefined ? {} : { exclusiveMinimum: limits.above }) }
  return { read: (found, path, value) => readNumber(found, path, value, fallback, limits), schema: { type: ['number', 'null'], ...bounds, default: fallback } }
}

export function flag(fallback: boolean): Shape<boolean> {
  return { read: (found, path, value) => readFlag(found, path, value, fallback), schema: { type: ['boolean', 'null'], default: fallback } }
}

export function choice<const T extends string>(fallback: T, choices: readonly T[]): Shape<T> {
  return { read: (found, path, value) => readChoice(found, path, value, fallback, choices), schema: { enum: [...choices, null], default: fallback } }
}

/** The key that says which of a union a map is. */
export function tag<const T extends string>(name: T): Shape<T> {
  return { read: () => name, schema: { const: name } }
}

/** `of` says in words what the list holds. */
export function list<T>(item: Shape<T>, max: number, of: string): Shape<T[]> {
  return {
    read: (found, path, value) => readList(found, path, value, max, of).map((one, index) => item.read(found, at(path, index), one)),
    schema: { type: ['array', 'null'], items: item.schema, maxItems: max },
  }
}

/** A map of free form, handed on as it is. */
export function anyMap(): Shape<Record<string, unknown>> {
  return {
    read: (found, path, value) => {
      if (value === null || value === undefined) return {}
      if (isMapping(value)) return value
      addError(found, path, `found ${show(value)}; a map is needed`)
      return {}
    },
    schema: { type: ['object', 'null'] },
  }
}

/** Names chosen by the user, values of one shape. */
export function mapOf<T>(item: Shape<T>): Shape<Record<string, T>> {
  const any = anyMap()
  return {
    read: (found, path, value) => Object.fromEntries(Object.entries(any.read(found, path, value)).map(([name, one]) => [name, item.read(found, under(path, name), one)])),
    schema: { type: ['object', 'null'], additionalProperties: item.schema },
  }
}

type Shapes = Readonly<Record<string, Shape<unknown>>>

/** A map with known keys; `without` as in `readMap`: accepted, named in a warning, and not kept. */
export function object<F extends Shapes>(fields: F, without: Readonly<Record<string, string>> = {}): Shape<{ [K in keyof F]: Read<F[K]> }> {
  const entries = Object.entries(fields)
  const ignored = Object.entries(without).map(([key, why]) => [key, { description: `No effect here: ${why}`, deprecated: true }])
  const required = entries.filter(([, shape]) => shape.needed).map(([key]) => key)
  return {
    read: (found, path, value) => {
      const given = readMap(found, path, value, Object.keys(fields), without)
      return Object.fromEntries(entries.map(([key, shape]) => [key, shape.read(found, under(path, key), given[key])])) as { [K in keyof F]: Read<F[K]> }
    },
    schema: {
      type: ['object', 'null'], additionalProperties: false,
      properties: { ...Object.fromEntries(entries.map(([key, shape]) => [key, shape.schema])), ...Object.fromEntries(ignored) },
      ...(required.length === 0 ? {} : { required }),
    },
  }
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return { ...shape, read: (found, path, value) => (value === null || value === undefined ? null : shape.read(found, path, value)) }
}

/** `cure` says what to write. */
export function needed<T>(shape: Shape<T>, cure: string): Shape<T> {
  return {
    schema: shape.schema, needed: true,
    read: (found, path, value) => {
      requireField(found, path, value, cure)
      return shape.read(found, path, value)
    },
  }
}

/** Read, kept and handed to the training script, but Drover itself does nothing by it. */
export function idle<T>(shape: Shape<T>, why: string): Shape<T> {
  return {
    schema: { ...shape.schema, description: `No effect here: ${why}` },
    read: (found, path, value) => {
      warnIdle(found, path, value, why)
      return shape.read(found, path, value)
    },
  }
}

/** What must hold between the fields of one value; `given` is what stood there. */
export function checked<T>(shape: Shape<T>, check: (found: Findings, path: string, read: T, given: unknown) => void): Shape<T> {
  return {
    ...shape,
    read: (found, path, value) => {
      const before = found.errors.length
      const read = shape.read(found, path, value)
      // Where a field is wrong its default stands in for it, and nothing should be said of that.
      if (found.errors.length === before) check(found, path, read, value)
      return read
    },
  }
}

/** For people, in an editor. */
export function about<T>(words: string, shape: Shape<T>): Shape<T> {
  return { ...shape, schema: { ...shape.schema, description: words } }
}
