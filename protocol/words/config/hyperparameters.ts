import { describe, isRecord } from './document.ts'
import type { Notes } from './reader.ts'

const NAME = /^[^\p{Cc}]{1,256}$/u

/** Constants: a plain value becomes `{type: const, val}`, a mapping without `type` nests. */
export function readHyperparameters(value: unknown, path: string, notes: Notes): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (!isRecord(value)) {
    notes.errors.push({ path, message: `is ${describe(value)}: a mapping of names to values is allowed` })
    return {}
  }
  const entries = Object.entries(value).map(([name, item]) => [name, readOne(item, `${path}.${name}`, name, notes)] as const)
  return Object.fromEntries(entries)
}

function readOne(item: unknown, path: string, name: string, notes: Notes): unknown {
  if (!NAME.test(name)) notes.errors.push({ path, message: 'is not a printable name' })
  if (!isRecord(item)) return { type: 'const', val: item ?? null }
  if (!('type' in item)) return readHyperparameters(item, path, notes)
  if (item['type'] !== 'const') {
    notes.errors.push({ path: `${path}.type`, message: `is ${describe(item['type'])}: searcher single takes constants only, give {type: const, val: ...} or the value itself` })
    return { type: 'const', val: null }
  }
  if (!('val' in item)) notes.errors.push({ path: `${path}.val`, message: 'is missing: give the constant' })
  for (const key of Object.keys(item)) if (key !== 'type' && key !== 'val') notes.errors.push({ path: `${path}.${key}`, message: 'is not a known key of a constant, which has type and val' })
  return { type: 'const', val: item['val'] ?? null }
}

/** What the training script gets: names to plain values. */
export function sampleConstants(hyperparameters: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(hyperparameters).map(([name, item]) => [name, isRecord(item) ? (item['type'] === 'const' ? item['val'] : sampleConstants(item)) : item]),
  )
}
