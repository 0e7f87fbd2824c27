import type { ConfigMistake } from '../../../protocol/words/experiment-config.ts'
import { fromBase64 } from './base64.ts'
import { CONTEXT_BYTES_MAX, CONTEXT_ENTRIES_MAX, shown, tooLarge, type ContextEntry } from './check-entries.ts'

/** Type of a file as tar names it: '0', '\0' (old files) and '5'. */
const FILE_TYPES: ReadonlyMap<unknown, ContextEntry['kind']> = new Map([[48, 'file'], [0, 'file'], [53, 'directory']])
const TYPE_NAMES: ReadonlyMap<unknown, string> = new Map([[49, 'a hard link'], [50, 'a symbolic link'], [51, 'a character device'], [52, 'a block device'], [54, 'a pipe']])

export type ReadContext = { ok: true; entries: ContextEntry[] } | { ok: false; mistakes: ConfigMistake[] }

/** Determined's list `[{path, type, content, mtime, mode, uid, gid}]`. uid and gid are not kept: the files belong to the task's user. */
export function readFiles(list: unknown): ReadContext {
  if (!Array.isArray(list)) return { ok: false, mistakes: [{ path: 'modelDefinition', message: 'is no list: send [{path, type, content, mtime, mode, uid, gid}]' }] }
  if (list.length > CONTEXT_ENTRIES_MAX) return { ok: false, mistakes: [{ path: 'modelDefinition', message: `has ${list.length} entries, at most ${CONTEXT_ENTRIES_MAX} are taken: leave data out by .detignore` }] }
  const entries: ContextEntry[] = []
  const mistakes: ConfigMistake[] = []
  let bytes = 0
  for (const [index, item] of list.entries()) {
    const entry = readFile(item, `modelDefinition[${index}]`)
    if ('message' in entry) {
      mistakes.push(entry)
      if (mistakes.length >= 20) break
      continue
    }
    bytes += entry.bytes.length
    if (bytes > CONTEXT_BYTES_MAX) return { ok: false, mistakes: [...mistakes, { path: 'modelDefinition', message: tooLarge(bytes) }] }
    entries.push(entry)
  }
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, entries }
}

function readFile(item: unknown, where: string): ContextEntry | ConfigMistake {
  if (typeof item !== 'object' || item === null) return { path: where, message: 'is no object: send {path, type, content, mtime, mode, uid, gid}' }
  const file = item as Record<string, unknown>
  const path = file['path']
  if (typeof path !== 'string' || path === '') return { path: `${where}.path`, message: 'is no text: send the path relative to the model definition directory' }
  const named = shown(path)
  const kind = FILE_TYPES.get(file['type'] ?? 48)
  if (!kind) return { path: named, message: `is ${TYPE_NAMES.get(file['type']) ?? `of type ${JSON.stringify(file['type'])?.slice(0, 40)}`}: only plain files (48) and directories (53) are taken; copy the target instead` }
  const bytes = typeof (file['content'] ?? '') === 'string' ? fromBase64(String(file['content'] ?? '')) : null
  if (bytes === null) return { path: named, message: 'has content that is no base64: send the bytes in standard base64 with padding' }
  const mode = wholeNumber(file['mode'], kind === 'file' ? 0o644 : 0o755)
  const mtime = wholeNumber(file['mtime'], 0)
  if (mode === null || mtime === null) return { path: named, message: 'has a mode or mtime that is no whole number' }
  return { path, kind, mode, mtime: Math.min(mtime, 2 ** 33 - 1), bytes: kind === 'file' ? bytes : new Uint8Array(0) }
}

/** Numbers come as numbers or, 64-bit ones, as text. */
function wholeNumber(value: unknown, fallback: number): number | null {
  if (value === undefined || value === null) return fallback
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? Math.max(0, number) : null
}
