import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, directoryError } from './directory-errors.ts'
import type { ObjectInfo } from './door.ts'
import { TEMPORARY } from './key.ts'

/** Keys with `prefix` (of text, not of directories), sorted as S3 sorts: by the bytes of UTF-8. */
export async function* listBelow(root: string, prefix: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
  const slash = prefix.lastIndexOf('/')
  const start = slash < 0 ? '' : prefix.slice(0, slash)
  if (start.split('/').some((segment) => segment === '..' || segment === '.')) return
  yield* walk(root, start, prefix, signal)
}

async function* walk(root: string, directory: string, prefix: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
  signal.throwIfAborted()
  for (const name of await namesIn(join(root, directory))) {
    const key = directory === '' ? name : `${directory}/${name}`
    if (name.endsWith('/')) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* walk(root, key.slice(0, -1), prefix, signal)
    } else if (key.startsWith(prefix)) {
      const size = await sizeOf(join(root, key))
      if (size !== null) yield { key, size }
    }
  }
}

/** Directories carry a `/`, so that `a-b` sorts before what is below `a/`. */
async function namesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const names = entries.filter((entry) => !entry.name.startsWith(TEMPORARY)).flatMap((entry) => (entry.isDirectory() ? [`${entry.name}/`] : entry.isFile() ? [entry.name] : []))
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return []
    throw directoryError(error, `list ${path}`)
  }
}

/** Null where the object was removed meanwhile. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw directoryError(error, `list ${path}`)
  }
}
