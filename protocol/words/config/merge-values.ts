import { isMapping } from './fields.ts'

type Mapping = Record<string, unknown>

const VARIABLES = 'environment.environment_variables'
/** Lists that add up where both sides have one; of all other lists the upper one stands. */
const ADDED = new Set(['labels', 'log_policies', 'environment.proxy_ports', VARIABLES, `${VARIABLES}.cpu`, `${VARIABLES}.cuda`, `${VARIABLES}.rocm`])
/** They add up too, but a place inside the container is taken once: the upper one keeps it. */
const PLACED = new Set(['bind_mounts', 'resources.devices'])
/** Unions: the key that says which one it is, and the keys that all of them have. */
const UNIONS: Readonly<Record<string, { by: string; common: readonly string[] }>> = {
  searcher: { by: 'name', common: ['metric', 'smaller_is_better', 'source_trial_id', 'source_checkpoint_uuid'] },
  checkpoint_storage: { by: 'type', common: ['save_experiment_best', 'save_trial_best', 'save_trial_latest'] },
}

/** `under` fills what `over` leaves open: maps merge key by key, unions only where both are of one kind. */
export function mergeUnder(over: Readonly<Mapping>, under: Readonly<Mapping>, path = ''): Mapping {
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
  if (Array.isArray(over) && Array.isArray(under)) return mergeLists(over, under, path)
  if (!isMapping(over) || !isMapping(under)) return over
  const union = Object.hasOwn(UNIONS, path) ? UNIONS[path] : undefined
  if (union === undefined) return isOtherLeaf(over, under) ? over : mergeUnder(over, under, path)
  const [upper, lower] = [over[union.by] ?? null, under[union.by] ?? null]
  if (upper === null || lower === null || upper === lower) return mergeUnder(over, under, path)
  return mergeUnder(over, Object.fromEntries(union.common.filter((key) => Object.hasOwn(under, key)).map((key) => [key, under[key]])), path)
}

function mergeLists(over: readonly unknown[], under: readonly unknown[], path: string): readonly unknown[] {
  if (ADDED.has(path)) return [...under, ...over]
  if (!PLACED.has(path)) return over
  const taken = new Set(over.map(placeOf))
  return [...under.filter((one) => !taken.has(placeOf(one))), ...over]
}

function placeOf(item: unknown): unknown {
  return isMapping(item) && typeof item['container_path'] === 'string' ? item['container_path'] : item
}

/** Ranges of hyperparameters, and other maps with a `type`, merge with their like alone: not with another type nor with a nest. */
function isOtherLeaf(over: Mapping, under: Mapping): boolean {
  return over['type'] !== under['type']
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
