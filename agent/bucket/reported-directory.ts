import { mkdir, type FileHandle } from 'node:fs/promises'
import { hasCode, openDirectory, pathOf } from './beneath.ts'
import { CheckpointError } from './checkpoint-files.ts'

/**
 * The directory of a reported checkpoint in the storage directory. A member of a gang that was only asked for its part
 * may have written nothing: its part is then an empty directory.
 */
export async function openReported(storage: string, uuid: string, isAsked: boolean): Promise<FileHandle> {
  try {
    const parent = await openDirectory(storage)
    try {
      if (isAsked) await makeMissing(pathOf(parent, uuid))
      return await openDirectory(pathOf(parent, uuid))
    } finally {
      await parent.close()
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error
    throw new CheckpointError(`its directory ${uuid} is gone; a reported checkpoint must stay until the agent has sent it`, { cause: error })
  }
}

async function makeMissing(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
}
