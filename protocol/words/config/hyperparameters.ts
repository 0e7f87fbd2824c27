import { isMapping } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'

const SEARCHED = ['int', 'double', 'log', 'categorical']
const CONST_KEYS = new Set(['type', 'val'])

/** Constants only: a plain value becomes {type: const, val}; a map without `type` is a nest of more of them. */
export function readHyperparameters(found: Findings, path: string, value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {}
  if (isMapping(value)) return nest(found, path, value)
  addError(found, path, `found ${show(value)}; a map from name to value is needed`)
  return {}
}

function nest(found: Findings, path: string, value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hyperparameter(found, under(path, name), name, one)]))
}

function hyperparameter(found: Findings, path: string, name: string, value: unknown): unknown {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) addError(found, path, 'control characters are not allowed in a name')
  if (!isMapping(value)) return { type: 'const', val: value }
  if (!Object.hasOwn(value, 'type')) return nest(found, path, value)
  const type = value['type']
  if (type === 'const') return constant(found, path, value)
  const searched = typeof type === 'string' && SEARCHED.includes(type)
  addError(found, under(path, 'type'), `found ${show(type)}; ${searched ? 'searcher single takes constants only' : 'only const is known'}: write the value itself, or {type: const, val: ...}`)
  return { type: 'const', val: null }
}

function constant(found: Findings, path: string, value: Record<string, unknown>): unknown {
  if (!Object.hasOwn(value, 'val')) addError(found, under(path, 'val'), 'is missing; a const needs its value')
  for (const key of Object.keys(value)) {
    if (!CONST_KEYS.has(key)) addError(found, under(path, key), 'unknown key; a const has type and val only')
  }
  return { type: 'const', val: value['val'] ?? null }
}
