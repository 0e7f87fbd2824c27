/**
 * JSON as training scripts write it: Python's json module writes bare NaN, Infinity and -Infinity, which become the
 * strings "NaN", "Infinity", "-Infinity" here, as does a number too large to hold. NUL characters are left out:
 * Postgres cannot hold one. Throws SyntaxError with what is wrong.
 */
export function parseLenientJson(text: string): unknown {
  return clean(parse(text), 0)
}

/** Deeper nesting is refused: nothing that is reported needs it. */
const DEPTH_MAX = 32
/** Strings are skipped whole, so that a NaN inside one stays as it is. */
const TOKENS = /"(?:[^"\\]|\\[^])*"|-?\bInfinity\b|\bNaN\b/g

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!text.includes('NaN') && !text.includes('Infinity')) throw error
    return JSON.parse(text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${token}"`)))
  }
}

function clean(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new SyntaxError(`nested deeper than ${DEPTH_MAX} levels`)
  if (typeof value === 'string') return withoutNul(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [withoutNul(key), clean(item, depth + 1)]))
}

/** Also lone surrogates go: they are no Unicode, and Postgres refuses them. */
export function withoutNul(text: string): string {
  return (text.includes('\0') ? text.replaceAll('\0', '') : text).toWellFormed()
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
