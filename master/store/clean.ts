/**
 * The one place where text from outside is made fit for Postgres: it holds neither NUL nor lone surrogates, in text
 * as in jsonb. Both become U+FFFD, so that nothing is lost in silence.
 */
export function cleanText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed()
  return wellFormed.includes('\u0000') ? wellFormed.replaceAll('\u0000', '\uFFFD') : wellFormed
}

/** JSON for a jsonb column; keys and values cleaned. `undefined` and functions are dropped as by JSON.stringify. */
export function toJsonb(value: unknown): string {
  return JSON.stringify(cleanJson(value, 0)) ?? 'null'
}

const DEPTH_MAX = 64

function cleanJson(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (depth >= DEPTH_MAX) return '(nested too deep)'
  if (Array.isArray(value)) return value.map((item) => cleanJson(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleanText(key), cleanJson(item, depth + 1)]))
}
