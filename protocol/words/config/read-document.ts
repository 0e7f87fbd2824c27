import { parseDocument } from 'yaml'
import type { YAMLError } from 'yaml'
import { addError } from './findings.ts'
import type { Findings } from './findings.ts'
import { plainValue } from './plain-value.ts'
import { readJson } from './read-json.ts'
import { scanBytes, scanText } from './scan-text.ts'

/**
 * YAML 1.2 or JSON -> plain value. Limits: 256 KiB, 100 aliases, depth 32, 40 000 tokens, 10 000 values, unique keys, no custom
 * tags. Undefined when the text could not be parsed; errors say why. Never throws.
 */
export function readDocument(text: string, found: Findings): unknown {
  const plain = scanBytes(text) === null ? readJson(text) : undefined
  if (plain !== undefined) return plain
  const refusal = scanText(text)
  if (refusal !== null) {
    addError(found, '', refusal)
    return undefined
  }
  // A raw tab in valid JSON is white space only, and YAML would refuse it as indentation.
  const source = text.includes('\t') && isJson(text) ? text.replaceAll('\t', ' ') : text
  try {
    const document = parseDocument(source, { uniqueKeys: false, stringKeys: true, merge: false, prettyErrors: false })
    const [first] = document.errors
    if (first !== undefined) {
      addError(found, '', syntaxText(first, source))
      return undefined
    }
    return plainValue(document, found)
  } catch (error) {
    // The parser recurses: what the scan let through as many short lines may still be too deep for its stack.
    const reason = error instanceof RangeError ? 'nested too deeply' : error instanceof Error ? error.message.slice(0, 200) : 'unknown fault'
    addError(found, '', `cannot be read as YAML or JSON: ${reason}`)
    return undefined
  }
}

// The parser's own line numbers cost a pass over the text for each error, and there may be as many errors as characters.
function syntaxText(error: YAMLError, source: string): string {
  if (error.message.includes('call stack')) return 'nested too deeply'
  if (error.code === 'MULTIPLE_DOCS') return 'holds more than one document; keep one (remove the line "---")'
  const before = source.slice(0, error.pos[0])
  const line = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  return `line ${line}, column ${column}: cannot be read as YAML or JSON: ${(error.message.split('\n', 1)[0] ?? '').slice(0, 300)}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
