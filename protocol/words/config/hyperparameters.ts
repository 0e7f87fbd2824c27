import type { Hyperparameter, HyperparameterSpace } from '../search-config.ts'
import { isMapping } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { nearest } from './nearest.ts'
import { about, checked, decimal, needed, object, tag, whole } from './shape.ts'
import type { Shape } from './shape.ts'

const LIMIT = Number.MAX_SAFE_INTEGER
/** `count` is asked for by the grid alone; there `checkSearch` demands it. */
const COUNT = { count: about('Points of a grid', whole(null, 1, 1_000_000)) }
const [LOW, HIGH] = ['the lower end of the range is needed', 'the upper end of the range is needed']

const LEAVES: Readonly<Record<string, Shape<Hyperparameter>>> = {
  const: constant(),
  categorical: object({ type: tag('categorical'), vals: values() }),
  int: range(object({ type: tag('int'), minval: needed(whole(0, -LIMIT, LIMIT), LOW), maxval: needed(whole(0, -LIMIT, LIMIT), HIGH), ...COUNT })),
  double: range(object({ type: tag('double'), minval: needed(decimal(0, {}), LOW), maxval: needed(decimal(0, {}), HIGH), ...COUNT })),
  log: finite(range(object({ type: tag('log'), minval: needed(decimal(0, {}), LOW), maxval: needed(decimal(0, {}), HIGH), base: needed(decimal(10, { above: 0 }), 'the base of the logarithm is needed, as in base: 10'), ...COUNT }))),
}
const TYPES = Object.keys(LEAVES)

/** The search space: a plain value becomes {type: const, val}; a map without `type` is a nest of more of them. */
export const hyperparameters: Shape<HyperparameterSpace> = {
  schema: { type: ['object', 'null'], additionalProperties: { anyOf: [...TYPES.map((type) => LEAVES[type]?.schema), { not: { type: 'object', required: ['type'] } }] } },
  read: (found, path, value) => {
    if (value === null || value === undefined) return {}
    if (isMapping(value)) return nest(found, path, value)
    addError(found, path, `found ${show(value)}; a map from name to value is needed`)
    return {}
  },
}

function nest(found: Findings, path: string, value: Record<string, unknown>): HyperparameterSpace {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, node(found, under(path, name), name, one)]))
}

function node(found: Findings, path: string, name: string, value: unknown): Hyperparameter | HyperparameterSpace {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) addError(found, path, 'control characters are not allowed in a name')
  if (!isMapping(value)) return { type: 'const', val: value }
  if (!Object.hasOwn(value, 'type')) return nest(found, path, value)
  const type = value['type']
  const leaf = typeof type === 'string' && Object.hasOwn(LEAVES, type) ? LEAVES[type] : undefined
  if (leaf !== undefined) return leaf.read(found, path, value)
  const meant = typeof type === 'string' ? nearest(type, TYPES) : null
  addError(found, under(path, 'type'), `found ${show(type)}; allowed: ${TYPES.join(', ')}${meant === null ? '' : `; did you mean "${meant}"?`} (a map with "type" is a range to search; for a value of your own write {type: const, val: ...})`)
  return { type: 'const', val: null }
}

const CONST_KEYS = new Set(['type', 'val'])

/** Its value may be anything, null too. */
function constant(): Shape<Hyperparameter> {
  return {
    schema: { type: 'object', properties: { type: { const: 'const' }, val: {} }, required: ['type', 'val'], additionalProperties: false },
    read: (found, path, value) => {
      const given = isMapping(value) ? value : {}
      if (!Object.hasOwn(given, 'val')) addError(found, under(path, 'val'), 'is missing; a const needs its value')
      for (const key of Object.keys(given)) {
        if (!CONST_KEYS.has(key)) addError(found, under(path, key), 'unknown key; a const has type and val only')
      }
      return { type: 'const', val: given['val'] ?? null }
    },
  }
}

function values(): Shape<unknown[]> {
  return {
    needed: true,
    schema: { type: 'array', minItems: 1 },
    read: (found, path, value) => {
      if (Array.isArray(value) && value.length > 0) return value
      addError(found, path, value === undefined || value === null ? 'is missing; a list of the values to choose from is needed' : `found ${show(value)}; a list of at least one value is needed`)
      return [null]
    },
  }
}

function range<T extends { minval: number; maxval: number }>(shape: Shape<T>): Shape<T> {
  return checked(shape, (found, path, { minval, maxval }) => {
    if (minval >= maxval) addError(found, under(path, 'minval'), `found ${minval}, and maxval is ${maxval}; minval must be below maxval`)
  })
}

function finite<T extends { minval: number; maxval: number; base: number }>(shape: Shape<T>): Shape<T> {
  return checked(shape, (found, path, { minval, maxval, base }) => {
    if (!Number.isFinite(base ** maxval) || !Number.isFinite(base ** minval)) addError(found, path, `${base} to the power of ${Number.isFinite(base ** maxval) ? minval : maxval} is no finite number; minval and maxval are exponents`)
  })
}
