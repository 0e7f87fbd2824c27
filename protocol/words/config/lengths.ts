import type { Length } from '../search-config.ts'
import { isMapping, readWhole } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import type { Shape } from './shape.ts'

const UNITS = ['batches', 'records', 'epochs'] as const
const MAX = Number.MAX_SAFE_INTEGER

/** `{batches: 100}`: one key, the unit. `bare` allows a number without a unit too. */
export function length<T extends Length | null>(fallback: T, min: 0 | 1, bare: boolean): Shape<Length | T> {
  const maps = UNITS.map((unit) => ({ type: 'object', properties: { [unit]: { type: 'integer', minimum: min } }, required: [unit], additionalProperties: false }))
  return {
    schema: { anyOf: [...maps, ...(bare ? [{ type: 'integer', minimum: min }] : []), { type: 'null' }] },
    read: (found, path, value) => {
      if (value === null || value === undefined) return fallback
      if (bare && typeof value === 'number') return readWhole(found, path, value, fallback as number, min, MAX)
      return readLength(found, path, value, min) ?? fallback
    },
  }
}

function readLength(found: Findings, path: string, value: unknown, min: number): Length | null {
  const keys = isMapping(value) ? Object.keys(value) : []
  const unit = UNITS.find((one) => one === keys[0])
  if (unit === undefined || keys.length !== 1 || !isMapping(value)) {
    const cure = typeof value === 'number' ? `, as in {batches: ${value}}` : ''
    addError(found, path, `found ${show(value)}; a map with one of ${UNITS.join(', ')} is needed${cure}`)
    return null
  }
  const units = readWhole(found, under(path, unit), value[unit], null, min, MAX)
  if (value[unit] === null) addError(found, under(path, unit), `is missing; a whole number of at least ${min} is needed`)
  if (units === null) return null
  return unit === 'batches' ? { batches: units } : unit === 'records' ? { records: units } : { epochs: units }
}

export function unitsOf(length: Length): { unit: (typeof UNITS)[number]; units: number } {
  if (typeof length === 'number') return { unit: 'batches', units: length }
  if ('records' in length) return { unit: 'records', units: length.records }
  return 'epochs' in length ? { unit: 'epochs', units: length.epochs } : { unit: 'batches', units: length.batches }
}
