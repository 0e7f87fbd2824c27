import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Journal } from '../journal/door.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'
import type { Ledger } from './checkpoint-ledger.ts'
import { listSteps } from './declare-checkpoints.ts'

/** Step directories that stay on the host. */
const KEPT = 2

/**
 * Deletes the local copies of uploaded checkpoints but for the newest two step directories. They are first moved out of
 * what the container sees, so that it cannot turn the deletion elsewhere by a link.
 */
export async function pruneCheckpoints(options: { journal: Journal; ledger: Ledger; alloc: string; paths: AllocationPaths }): Promise<void> {
  const { journal, ledger, alloc, paths } = options
  const present = await listSteps(paths.checkpoints)
  const here: { name: string; uuid: string; isUploaded: boolean }[] = []
  for (const row of journal.checkpoints(alloc)) {
    const identity = (await ledger.get(row.uuid))?.identity
    const step = present.find((found) => found.identity === identity)
    if (step) here.push({ name: step.name, uuid: row.uuid, isUploaded: row.state === 'uploaded' })
  }
  const trash = join(paths.root, 'checkpoints-trash')
  await mkdir(trash, { recursive: true, mode: 0o700 })
  const directory = await openDirectory(paths.checkpoints)
  try {
    for (const step of here.slice(0, -KEPT).filter((found) => found.isUploaded)) await moveAway(pathOf(directory, step.name), join(trash, step.uuid))
  } finally {
    await directory.close()
  }
  await rm(trash, { recursive: true, force: true })
}

async function moveAway(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}
