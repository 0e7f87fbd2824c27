/**
 * Makes a log line, a name or a path safe to show as one line of text. React already writes text nodes only; this
 * takes away what a terminal or the bidi algorithm would act on, so that what is shown is what was written.
 */

// CSI, OSC, DCS and the like, and two-character escapes.
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g
// C0 but tab, DEL, C1, and the characters that reorder or hide text.
// oxlint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g

export function neutralise(text: string): string {
  return text.replace(ESCAPES, '').replace(HIDDEN, visible).replaceAll('\t', '    ')
}

/**
 * A progress bar writes one line many times over with carriage returns. Its last form is shown, with a mark that
 * something was overwritten.
 */
export function neutraliseLine(text: string): string {
  const line = text.replace(/[\r\n]+$/, '')
  if (!line.includes('\r')) return neutralise(line)
  const forms = line.split(/[\r\n]+/).filter((form) => form.trim() !== '')
  return `⟳ ${neutralise(forms.at(-1) ?? '')}`
}

function visible(char: string): string {
  const code = char.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}
