import { CST, Lexer } from 'yaml'

export const TEXT_MAX = 256 * 1024
export const ALIASES_MAX = 100
export const DEPTH_MAX = 32
/** once aliases are resolved */
export const VALUES_MAX = 10_000
const TOKENS_MAX = 40_000

/**
 * Limits that must hold before the text may be parsed: the parser recurses, so depth is bounded here from the flat
 * stream of tokens. Null when the text may be parsed, else what is wrong.
 */
export function scanText(text: string): string | null {
  return scanBytes(text) ?? scanTokens(text)
}

/** Length and characters alone. */
export function scanBytes(text: string): string | null {
  const bytes = utf8Length(text)
  if (bytes > TEXT_MAX) return `the configuration has ${bytes} bytes; at most ${TEXT_MAX} (256 KiB) are allowed`
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text)
  if (control) {
    const line = text.slice(0, control.index).split('\n').length
    return `line ${line}: found the control character U+${control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}; only tab and new line are allowed`
  }
  return null
}

function scanTokens(text: string): string | null {
  const depth = new Depth()
  let aliases = 0
  let tokens = 0
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme)
    if (type === 'alias') aliases += 1
    tokens += 1
    depth.see(type, lexeme)
    if (depth.flow + depth.block.length > 2 * DEPTH_MAX) return `nested too deeply; at most ${DEPTH_MAX} levels are allowed`
    if (aliases > ALIASES_MAX) return `more than ${ALIASES_MAX} aliases; write the values out`
    if (tokens > TOKENS_MAX) return `more than ${TOKENS_MAX} keys, values and marks; write fewer`
  }
  return null
}

const WHITE = new Set(['space', 'comment', 'newline'])

/** Upper bound of the nesting: open brackets, and columns at which a block collection may have begun. */
class Depth {
  flow = 0
  /** strictly rising columns */
  readonly block: number[] = []
  #column = 0
  #leading = true

  see(type: string | null, source: string): void {
    if (type === 'flow-seq-start' || type === 'flow-map-start') this.flow += 1
    if (type === 'flow-seq-end' || type === 'flow-map-end') this.flow = Math.max(0, this.flow - 1)
    // Marks of the lexer's own have no width.
    if (type === 'doc-mode' || type === 'flow-error-end' || type === 'byte-order-mark') return
    // Null is the text of a plain or block scalar, announced by 'scalar'.
    if (type !== null && !WHITE.has(type) && this.#leading && this.flow === 0) this.#open(type)
    if (type !== 'scalar') this.#advance(source)
  }

  #advance(source: string): void {
    const lineEnd = source.lastIndexOf('\n')
    this.#column = lineEnd < 0 ? this.#column + source.length : source.length - lineEnd - 1
    if (lineEnd >= 0) this.#leading = true
  }

  /** `- - key`: each mark at the head of a line may open a collection; what follows them opens the last one. */
  #open(type: string): void {
    while ((this.block.at(-1) ?? -1) >= this.#column) this.block.pop()
    this.block.push(this.#column)
    if (type === 'anchor' || type === 'tag') return
    this.#leading = type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind'
  }
}

function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) bytes += code >= 0x800 ? 2 : 1
    if (code >= 0xd800 && code <= 0xdfff) bytes -= 1
  }
  return bytes
}
