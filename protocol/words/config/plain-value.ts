import { isAlias, isMap, isScalar, isSeq } from 'yaml'
import type { Alias, Document, Pair, YAMLMap } from 'yaml'
import { addError, at, quote, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { DEPTH_MAX, VALUES_MAX } from './scan-text.ts'

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])
const TAGS = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`))

interface Walk {
  document: Document
  found: Findings
  /** resolving an alias walks the document, so each is resolved once */
  aliases: Map<Alias, unknown>
  left: number
  deep: boolean
}

/**
 * A parsed document as plain maps, lists and scalars: aliases resolved, merge keys merged, each bounded in number
 * and depth. Undefined when a bound was passed.
 */
export function plainValue(document: Document, found: Findings): unknown {
  const walk: Walk = { document, found, aliases: new Map(), left: VALUES_MAX, deep: false }
  const value = valueOf(walk, document.contents, '', 0)
  if (walk.left <= 0) addError(found, '', `more than ${VALUES_MAX} values once aliases are resolved; write fewer`)
  if (walk.deep) addError(found, '', `nested too deeply; at most ${DEPTH_MAX} levels are allowed`)
  return walk.left <= 0 || walk.deep ? undefined : value
}

function valueOf(walk: Walk, node: unknown, path: string, depth: number): unknown {
  walk.left -= 1
  if (walk.left <= 0) return null
  if (depth > DEPTH_MAX) {
    walk.deep = true
    return null
  }
  if (isAlias(node)) return aliasOf(walk, node, path, depth)
  if (!isScalar(node) && !isSeq(node) && !isMap(node)) return null
  if (node.tag !== undefined && node.tag !== '!' && !TAGS.has(node.tag)) addError(walk.found, path, `tag ${quote(node.tag)} is not allowed; write a plain value`)
  if (isScalar(node)) return scalarOf(walk, node.value, path)
  if (isSeq(node)) return node.items.map((item, index) => valueOf(walk, item, at(path, index), depth + 1))
  return mapOf(walk, node, path, depth)
}

function aliasOf(walk: Walk, alias: Alias, path: string, depth: number): unknown {
  if (!walk.aliases.has(alias)) walk.aliases.set(alias, alias.resolve(walk.document))
  const target = walk.aliases.get(alias)
  if (target !== undefined) return valueOf(walk, target, path, depth + 1)
  addError(walk.found, path, `alias ${quote(`*${alias.source}`)} names no anchor before it`)
  return null
}

function scalarOf(walk: Walk, value: unknown, path: string): unknown {
  if (typeof value === 'string') {
    if (value.includes('\u0000')) addError(walk.found, path, 'found a NUL character; it is not allowed in any text')
    return value.replaceAll('\u0000', '')
  }
  if (value === null || value === undefined) return null
  if (typeof value === 'number' && !Number.isFinite(value)) {
    addError(walk.found, path, `found ${String(value)}; only finite numbers are allowed`)
    return 0
  }
  if (typeof value === 'number' || typeof value === 'boolean') return value
  addError(walk.found, path, 'found a value of an unknown kind; text, numbers, true, false, null, lists and maps are allowed')
  return null
}

function mapOf(walk: Walk, map: YAMLMap, path: string, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  const merged: Record<string, unknown>[] = []
  for (const pair of map.items as Pair[]) {
    const key = isScalar(pair.key) ? String(pair.key.value ?? '') : null
    if (key === null) addError(walk.found, path, 'found a key that is no text; keys must be text')
    else if (key === '<<') merged.push(...mergeSources(valueOf(walk, pair.value, path, depth)))
    else addPair(walk, result, key, pair.value, path, depth)
  }
  for (const source of merged) {
    for (const [key, value] of Object.entries(source)) {
      if (!Object.hasOwn(result, key)) result[key] = value
    }
  }
  return result
}

function addPair(walk: Walk, result: Record<string, unknown>, key: string, value: unknown, path: string, depth: number): void {
  const place = under(path, key)
  if (FORBIDDEN.has(key)) return addError(walk.found, place, `the key ${quote(key)} is not allowed`)
  if (key.includes('\u0000')) return addError(walk.found, place, 'found a NUL character in a key; it is not allowed in any text')
  if (Object.hasOwn(result, key)) return addError(walk.found, place, 'this key stands here twice; keep one')
  result[key] = valueOf(walk, value, place, depth + 1)
}

function mergeSources(value: unknown): Record<string, unknown>[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null && !Array.isArray(item))
}
