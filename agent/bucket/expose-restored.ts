import { link, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from './beneath.ts'
import { own } from './restore-checkpoint.ts'

/**
 * Shows a restored checkpoint where the `determined` package looks for it, as `<storage>/<uuid>`: links of the same
 * files, so that it costs no room and a script may delete it there. Before the container starts; idempotent.
 */
export async function exposeRestored(restored: string, storage: string, uuid: string, user: { uid: number; gid: number }): Promise<void> {
  const place = join(storage, uuid)
  if (await isThere(place)) return
  const draft = join(storage, `.${uuid}.tmp`)
  await rm(draft, { recursive: true, force: true })
  await linkTree(restored, draft, user)
  await rename(draft, place)
}

async function linkTree(from: string, to: string, user: { uid: number; gid: number }): Promise<void> {
  await mkdir(to, { recursive: true })
  await own(to, user)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory()) await linkTree(join(from, entry.name), join(to, entry.name), user)
    else await link(join(from, entry.name), join(to, entry.name))
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}
