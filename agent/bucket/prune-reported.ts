import { rename, rm, mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Journal } from '../journal/door.ts'
import { note } from '../gateway/note.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'

/** Reported checkpoints that stay on the host whatever the disk has left. */
const KEPT = 2
/** of the disk, below which older ones go */
const FREE_SHARE_MIN = 0.15

export interface PruneReported {
  journal: Journal
  alloc: string
  paths: AllocationPaths
  wallMs: () => number
  /** share of the disk below a path that is free, 0 to 1; for tests */
  freeShare?: (path: string) => Promise<number>
}

/**
 * A script of the `determined` package may restore any checkpoint of its attempt by its directory, so the local copies of reported ones stay, until
 * the disk runs short: then the oldest that are in the bucket go, one by one, and the task log says so. They can still be had through the SDK.
 */
export async function pruneReported({ journal, alloc, paths, wallMs, freeShare = shareFree }: PruneReported): Promise<void> {
  const uploaded = journal.checkpoints(alloc).filter((row) => row.reported !== undefined && row.state === 'uploaded').slice(0, -KEPT)
  for (const { uuid, steps } of uploaded) {
    if ((await freeShare(paths.storage)) >= FREE_SHARE_MIN) return
    if (!(await takeAway(paths, uuid))) continue
    journal.outbox.append(note(alloc, 'WARNING', `The disk runs short: the local copy of checkpoint ${uuid} at step ${steps} was removed. It is committed; use checkpoint.download to have it here again`, wallMs()))
  }
}

/** Out of what the container sees first, so that it cannot turn the deletion elsewhere by a link. False where it is not there any more. */
async function takeAway(paths: AllocationPaths, uuid: string): Promise<boolean> {
  const trash = join(paths.root, 'storage-trash')
  await mkdir(trash, { recursive: true, mode: 0o700 })
  const storage = await openDirectory(paths.storage)
  try {
    await rename(pathOf(storage, uuid), join(trash, uuid))
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  } finally {
    await storage.close()
  }
  await rm(trash, { recursive: true, force: true })
  return true
}

async function shareFree(path: string): Promise<number> {
  const { bavail, blocks } = await statfs(path)
  return blocks === 0 ? 1 : bavail / blocks
}
