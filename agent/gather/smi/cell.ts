import type { Trouble } from './listing.ts'

/** Words that say that there is no value, with or without brackets. */
const ABSENT = /^(|n\/?a|-|none|not supported|not available|not applicable|not found|unknown|(the )?requested functionality has been deprecated|deprecated\b.*)$/i

/** `[N/A]` -> `N/A`; not where only a part is in brackets. */
export function bare(raw: string): string {
  const text = raw.replaceAll('\u00a0', ' ').trim()
  const inner = /^\[([^[\]]*)\]$/.exec(text)
  return (inner?.[1] ?? text).trim()
}

export function isAbsent(raw: string | null): boolean {
  return raw === null || ABSENT.test(bare(raw))
}

/** Words of trouble: what nvidia-smi prints in place of a value it could not read. */
export const TROUBLE_WORD = /^(err!?|error|unknown error|gpu is lost.*|gpu requires reset.*|insufficient permissions|no permission|timeout|uninitialized|reset required|in use by another client)$/i

/** The text of a value; null where there is none, or where an error stands in its place (which is then noted). */
export function textOf(raw: string | null, field: string, trouble: Trouble[]): string | null {
  if (raw === null || isAbsent(raw)) return null
  const text = bare(raw)
  if (!TROUBLE_WORD.test(text) && text.length <= 256) return text
  trouble.push({ field, said: text.slice(0, 256) })
  return null
}

export type Unit = 'MiB' | '%' | 'C' | 'W' | 'MHz' | 'GB/s' | ''

/** How often each unit is written otherwise, and what it is then worth. */
const WORTH: Record<Unit, Record<string, number>> = {
  MiB: { mib: 1, mb: 1, gib: 1024, tib: 1_048_576 },
  '%': { '%': 1 },
  C: { c: 1, '°c': 1 },
  W: { w: 1, mw: 0.001 },
  MHz: { mhz: 1, ghz: 1000 },
  'GB/s': { 'gb/s': 1 },
  '': { x: 1 },
}

/** Only these ever have decimals, and as many: elsewhere a point or comma is a locale's mark of the thousands, so that the number is not to be trusted. */
const DECIMALS: Partial<Record<Unit, RegExp>> = { W: /^\d{1,6}[.,]\d{1,2}$/, '%': /^\d{1,3}[.,]\d{1,2}$/, 'GB/s': /^\d{1,6}[.,]\d{1,3}$/ }

/**
 * A number that was printed with its unit; null where none is told, or where it could be read in two ways (noted).
 * `needsUnit`: this output writes units, so that a number without one was cut.
 */
export function numberOf(raw: string | null, unit: Unit, field: string, trouble: Trouble[], needsUnit = false): number | null {
  if (raw === null || isAbsent(raw)) return null
  const text = bare(raw)
  const parts = /^([+-]?\d[\d.,]*)\s*(.*)$/.exec(text)
  const number = parts === null ? null : plain(parts[1] ?? '', unit)
  const worth = parts === null ? undefined : worthOf(parts[2] ?? '', unit, needsUnit)
  if (number !== null && worth !== undefined) return Math.round(number * worth * 1000) / 1000
  trouble.push({ field, said: text.slice(0, 256) })
  return null
}

function worthOf(written: string, unit: Unit, needsUnit: boolean): number | undefined {
  if (written === '') return needsUnit && unit !== '' ? undefined : 1
  return WORTH[unit][written.toLowerCase()]
}

function plain(digits: string, unit: Unit): number | null {
  if (/^[+-]?\d{1,15}$/.test(digits)) return Number(digits)
  return DECIMALS[unit]?.test(digits) === true ? Number(digits.replace(',', '.')) : null
}

/** Yes / No and their kin. */
export function yesOf(raw: string | null, field: string, trouble: Trouble[]): boolean | null {
  const text = textOf(raw, field, trouble)
  if (text === null) return null
  if (/^(yes|true|1|active|pending)$/i.test(text)) return true
  if (/^(no|false|0|not active|inactive)$/i.test(text)) return false
  trouble.push({ field, said: text })
  return null
}

/** `610.57.04 [Deprecated; ...]` -> `610.57.04`; null where no version stands. */
export function versionOf(raw: string | null): string | null {
  return /^\s*(\d{1,5}(?:\.\d{1,5}){1,3})(?![\w.])/.exec(raw ?? '')?.[1] ?? null
}

const UUID = /^(GPU-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Made unreadable by whoever passed the output on: no part of a UUID that was merely cut. */
const MASKED = /^GPU-(?=.*[^0-9a-f-])\S{1,76}$/i

/** A whole UUID; a cut one is noted. Integrated GPUs print theirs without `GPU-`. */
export function uuidOf(raw: string | null, trouble: Trouble[]): string | null {
  const text = textOf(raw, 'uuid', trouble)
  if (text === null || UUID.test(text) || MASKED.test(text)) return text
  trouble.push({ field: 'uuid', said: text })
  return null
}

const BUS = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i

export function busOf(raw: string | null, trouble: Trouble[]): string | null {
  const text = textOf(raw, 'pciBusId', trouble)
  if (text === null || BUS.test(text)) return text
  trouble.push({ field: 'pciBusId', said: text })
  return null
}
