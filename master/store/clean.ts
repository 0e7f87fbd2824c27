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
  const text = plainJson(value)
  // NUL and lone surrogates come out as escapes: what has none of them, as nearly everything, needs no second look
  return text === null || /\\u(0000|d[89a-f])/i.test(text) || isDeep(text) ? (JSON.stringify(cleaned(value, 0)) ?? 'null') : text
}

/** Null where it is nested so deep that JSON.stringify gives up. */
function plainJson(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** The value as it comes back from a jsonb column. */
export function cleanJson<T>(value: T): T {
  return JSON.parse(toJsonb(value)) as T
}

/** Whether brackets stand open to that depth, those within texts aside. */
function isDeep(text: string): boolean {
  let open = 0
  for (let at = 0; at < text.length && open < DEPTH_MAX; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = endOfText(text, at)
    else if (code === 0x7b || code === 0x5b) open += 1
    else if (code === 0x7d || code === 0x5d) open -= 1
  }
  return open >= DEPTH_MAX
}

/** The closing quote of the text that begins there. */
function endOfText(json: string, from: number): number {
  let at = from + 1
  while (at < json.length && json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}

const DEPTH_MAX = 64

function cleaned(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (depth >= DEPTH_MAX) return '(nested too deep)'
  if (Array.isArray(value)) return value.map((item) => cleaned(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleanText(key), cleaned(item, depth + 1)]))
}
