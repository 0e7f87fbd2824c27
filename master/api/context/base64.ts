/** Bytes of standard base64 with padding; null when the text is anything else. (Buffer skips what it does not know, so the length tells.) */
export function fromBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0) return null
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === (text.length / 4) * 3 - padding ? bytes : null
}
