import { isAlias, LineCounter, parseDocument, visit, type Document } from 'yaml'
import type { ConfigMistake } from '../experiment-config.ts'

export const CONFIG_BYTES_MAX = 256 * 1024
const ALIASES_MAX = 100
const DEPTH_MAX = 32
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

export type ReadDocument = { ok: true; value: Record<string, unknown> } | { ok: false; errors: ConfigMistake[] }

/** YAML or JSON text -> plain data, within limits: no bomb, no tag, no doubled or prototype key, no NUL. */
export function readDocument(text: string): ReadDocument {
  if (text.length > CONFIG_BYTES_MAX) return refuse(`the configuration has ${text.length} characters, at most ${CONFIG_BYTES_MAX} are allowed`)
  const deep = deepestIndent(text)
  if (deep > DEPTH_MAX * 4) return refuse(`the configuration is nested too deeply, at most ${DEPTH_MAX} levels are allowed`)
  const document = parse(text)
  if (document === null) return refuse(`the configuration is nested too deeply, at most ${DEPTH_MAX} levels are allowed`)
  const problems = document.errors.map((error) => ({ path: '', message: `not valid YAML: ${error.message.split('\n')[0] ?? ''}` }))
  if (problems.length > 0) return { ok: false, errors: problems.slice(0, 20) }
  const aliases = countAliases(document)
  if (aliases > ALIASES_MAX) return refuse(`the configuration has ${aliases} aliases, at most ${ALIASES_MAX} are allowed`)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    return refuse(`not valid YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isRecord(value)) return refuse(`the configuration must be a mapping of keys to values, found ${describe(value)}`)
  const bad: ConfigMistake[] = []
  checkData(value, '', 0, bad)
  return bad.length > 0 ? { ok: false, errors: bad } : { ok: true, value }
}

function parse(text: string): Document | null {
  try {
    return parseDocument(text, { uniqueKeys: true, customTags: [], strict: true, version: '1.2', lineCounter: new LineCounter(), logLevel: 'silent' })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function countAliases(document: Document): number {
  let count = 0
  visit(document, (_key, node) => {
    if (isAlias(node)) count += 1
    return count > ALIASES_MAX ? visit.BREAK : undefined
  })
  return count
}

/** Flow brackets open at once, or steps of indentation: bounds the depth before the parser recurses. */
function deepestIndent(text: string): number {
  let open = 0
  let deepest = 0
  for (const char of text) {
    if (char === '[' || char === '{') deepest = Math.max(deepest, ++open)
    else if (char === ']' || char === '}') open -= 1
  }
  for (const line of text.split('\n')) {
    const lead = /^(?:[ ]|- |\? |: )*/.exec(line)?.[0].length ?? 0
    deepest = Math.max(deepest, Math.floor(lead / 2))
  }
  return deepest
}

function checkData(value: unknown, path: string, depth: number, bad: ConfigMistake[]): void {
  if (bad.length >= 20) return
  if (depth > DEPTH_MAX) bad.push({ path, message: `is nested deeper than ${DEPTH_MAX} levels` })
  else if (typeof value === 'string' && value.includes('\0')) bad.push({ path, message: 'holds the character NUL (\\u0000), which cannot be stored: take it out' })
  else if (Array.isArray(value)) value.forEach((item, index) => checkData(item, `${path}[${index}]`, depth + 1, bad))
  else if (isRecord(value)) {
    for (const [key, item] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`
      if (FORBIDDEN.has(key) || key.includes('\0')) bad.push({ path: at.replaceAll('\0', '\\u0000'), message: 'is not allowed as a key' })
      else checkData(item, at, depth + 1, bad)
    }
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return 'a list'
  if (isRecord(value)) return 'a mapping'
  return JSON.stringify(value)?.slice(0, 80) ?? typeof value
}

function refuse(message: string): ReadDocument {
  return { ok: false, errors: [{ path: '', message }] }
}
