import { isMapping } from './fields.ts'

type Mapping = Record<string, unknown>

/** Lists that add up where both sides have one; of all other lists the upper one stands. */
const ADDED = new Set(['bind_mounts', 'labels', 'environment.environment_variables', 'environment.environment_variables.cpu', 'environment.environment_variables.cuda', 'environment.environment_variables.rocm'])

/** `under` fills what `over` leaves open: maps merge key by key, unions (maps with `type`) only where the type is the same. */
export function mergeUnder(over: Mapping, under: Mapping, path = ''): Mapping {
  const result: Mapping = { ...under, ...over }
  for (const key of Object.keys(over)) {
    if (!Object.hasOwn(under, key)) continue
    const place = path === '' ? key : `${path}.${key}`
    result[key] = mergeValue(over[key], under[key], place)
  }
  return result
}

function mergeValue(over: unknown, under: unknown, path: string): unknown {
  if (over === null || over === undefined) return under
  if (Array.isArray(over) && Array.isArray(under) && ADDED.has(path)) return [...(under as unknown[]), ...(over as unknown[])]
  if (!isMapping(over) || !isMapping(under)) return over
  const types = [over['type'], under['type']]
  if (types[0] !== undefined && types[1] !== undefined && types[0] !== types[1]) return over
  return mergeUnder(over, under, path)
}

const FORBIDDEN = ['__proto__', 'constructor', 'prototype']

/** Sets `value` at the path, making maps on the way. Null when done, else why it cannot be. Changes `target`. */
export function setPath(target: Mapping, keys: readonly string[], value: unknown): string | null {
  const [key = '', ...rest] = keys
  if (key === '' || FORBIDDEN.includes(key)) return `${JSON.stringify(key)} is no key`
  if (rest.length === 0) {
    target[key] = value
    return null
  }
  const below = target[key] ?? {}
  if (!isMapping(below)) return `${JSON.stringify(key)} holds no map`
  target[key] = below
  return setPath(below, rest, value)
}
