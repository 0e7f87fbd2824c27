import type { ExperimentConfig } from '../experiment-config.ts'
import { isMapping, readMap, readText, readWhole } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'

const KEYS = ['slots_per_trial', 'resource_pool', 'priority', 'shm_size']
const WITHOUT = ['max_slots', 'weight', 'devices', 'is_single_node', 'native_parallel', 'agent_label']
const SIZE_MAX = 2 ** 50

export function readResources(found: Findings, path: string, value: unknown): ExperimentConfig['resources'] {
  const slots = isMapping(value) && Object.hasOwn(value, 'slots')
  if (slots) addError(found, under(path, 'slots'), 'is not for experiments; write slots_per_trial')
  const fields = readMap(found, path, value, KEYS, slots ? [...WITHOUT, 'slots'] : WITHOUT)
  const pool = under(path, 'resource_pool')
  return {
    slots_per_trial: readWhole(found, under(path, 'slots_per_trial'), fields['slots_per_trial'], 1, 0, 65_536),
    resource_pool: fields['resource_pool'] === '' ? '' : readText(found, pool, fields['resource_pool'], '', { max: 64, emptyAllowed: true }),
    priority: readWhole(found, under(path, 'priority'), fields['priority'], null, 1, 99),
    shm_size: readSize(found, under(path, 'shm_size'), fields['shm_size']),
  }
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1, b: 1, k: 2 ** 10, kb: 1e3, kib: 2 ** 10, m: 2 ** 20, mb: 1e6, mib: 2 ** 20, g: 2 ** 30, gb: 1e9, gib: 2 ** 30, t: 2 ** 40, tb: 1e12, tib: 2 ** 40,
}

/** Bytes, or text such as "4 GiB", "4g" (binary, as Docker means it) or "500 MB" (decimal). */
function readSize(found: Findings, path: string, value: unknown): number | null {
  if (value === null || value === undefined) return null
  const bytes = typeof value === 'string' ? parseSize(value) : value
  if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= SIZE_MAX) return bytes
  addError(found, path, `found ${show(value)}; bytes or a size such as "4 GiB" or "500 MB" is needed`)
  return null
}

function parseSize(text: string): number | null {
  if (text.length > 40) return null
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim())
  const unit = UNITS[(match?.[2] ?? '?').toLowerCase()]
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit)
}
