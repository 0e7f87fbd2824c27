/** Text of others (logs, names) must never steer the terminal: colours go, every other control character becomes visible. */
const SGR = /\u001b\[[0-9;:]*m/g
/** C0 but tab and new line, DEL, C1, and the marks that turn the direction of writing. */
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

export function neutralText(text: string): string {
  return text.replace(SGR, '').replace(STEERING, visible)
}

/** For what must stay on one line: tab and new line become visible too. */
export function neutralName(text: string): string {
  return neutralText(text).replace(/[\t\n]/g, visible)
}

function visible(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
}

/** JSON for a terminal: as `JSON.stringify`, with DEL and C1 escaped as well. */
export function neutralJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, null, indent) ?? 'null'
  return text.replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
