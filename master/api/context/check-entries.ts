import type { ConfigMistake } from '../../../protocol/words/experiment-config.ts'

/** One thing of a model definition, as it was sent. Paths are relative, `/`-separated. */
export interface ContextEntry {
  path: string
  kind: 'file' | 'directory'
  /** permission bits */
  mode: number
  /** Unix time, seconds */
  mtime: number
  bytes: Uint8Array
}

export const CONTEXT_BYTES_MAX = 95 * 1024 * 1024
export const CONTEXT_ENTRIES_MAX = 50_000
const PATH_BYTES_MAX = 4_095
const NAME_BYTES_MAX = 255
const MISTAKES_MAX = 20

/** The path without `.` segments, double and closing slashes; '' for the directory itself; or what is wrong with it. */
export function normalPath(path: string): { ok: true; path: string } | { ok: false; message: string } {
  if (path.includes('\u0000')) return { ok: false, message: 'contains the NUL character: rename it' }
  if (!path.isWellFormed()) return { ok: false, message: 'is no valid Unicode text: rename it' }
  if (path.startsWith('/')) return { ok: false, message: 'is absolute: send paths relative to the model definition directory' }
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) return { ok: false, message: 'leaves the model definition by `..`: send only what lies inside the directory' }
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || segments.some((segment) => Buffer.byteLength(segment) > NAME_BYTES_MAX)) return { ok: false, message: `is too long: a name may have ${NAME_BYTES_MAX} bytes, a path ${PATH_BYTES_MAX}` }
  return { ok: true, path: segments.join('/') }
}

/** The entries with normal paths, sorted by path; or every mistake (the first 20). Pure. */
export function checkEntries(entries: readonly ContextEntry[]): { ok: true; entries: ContextEntry[] } | { ok: false; mistakes: ConfigMistake[] } {
  const mistakes: ConfigMistake[] = []
  const kept: ContextEntry[] = []
  const seen = new Map<string, ContextEntry>()
  for (const entry of entries) {
    const normal = normalPath(entry.path)
    if (!normal.ok) {
      mistakes.push({ path: shown(entry.path), message: normal.message })
      continue
    }
    if (normal.path === '') continue
    const clean = { ...entry, path: normal.path, mode: entry.mode & 0o777 }
    const clash = clashOf(clean, seen.get(foldCase(clean.path)))
    if (clash === 'again') continue
    if (clash !== null) mistakes.push({ path: shown(clean.path), message: clash })
    seen.set(foldCase(clean.path), clean)
    kept.push(clean)
  }
  mistakes.push(...belowFiles(kept, seen), ...tooMuch(kept))
  if (mistakes.length > 0) return { ok: false, mistakes: mistakes.slice(0, MISTAKES_MAX) }
  return { ok: true, entries: kept.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)) }
}

/** A directory may be named twice, e.g. by tar; nothing else may. */
function clashOf(entry: ContextEntry, other: ContextEntry | undefined): 'again' | string | null {
  if (!other) return null
  if (other.path !== entry.path) return `differs from ${shown(other.path)} only in upper and lower case: rename one of them`
  return entry.kind === 'directory' && other.kind === 'directory' ? 'again' : 'is there twice: send each path once'
}

function belowFiles(entries: readonly ContextEntry[], seen: ReadonlyMap<string, ContextEntry>): ConfigMistake[] {
  const mistakes: ConfigMistake[] = []
  for (const entry of entries) {
    const cut = entry.path.lastIndexOf('/')
    const parent = cut < 0 ? undefined : seen.get(foldCase(entry.path.slice(0, cut)))
    if (parent?.kind === 'file') mistakes.push({ path: shown(entry.path), message: `lies below ${shown(parent.path)}, which is a file: send one or the other` })
  }
  return mistakes
}

function tooMuch(entries: readonly ContextEntry[]): ConfigMistake[] {
  const mistakes: ConfigMistake[] = []
  if (entries.length > CONTEXT_ENTRIES_MAX) mistakes.push({ path: '', message: `the model definition has ${entries.length} files and directories, at most ${CONTEXT_ENTRIES_MAX} are taken: leave data out by .detignore` })
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
  if (bytes > CONTEXT_BYTES_MAX) mistakes.push({ path: '', message: tooLarge(bytes) })
  return mistakes
}

export function tooLarge(bytes: number): string {
  return `the model definition has ${Math.ceil(bytes / 1048576)} MiB, at most ${CONTEXT_BYTES_MAX / 1048576} MiB are taken: leave data out by .detignore, or put it into the image or a bind mount`
}

function foldCase(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

/** A path as it is shown in a message: bounded, control characters escaped. */
export function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}...` : path).slice(1, -1)
}
