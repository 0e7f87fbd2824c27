import { closeSync, constants, fchownSync, openSync } from 'node:fs'
import { hasCode } from './beneath.ts'

/** Makes the file that asks the run to save and stop. A link that the container put there is not followed: it has the file it wants. */
export function markPreempted(path: string, user: { uid: number; gid: number }): void {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644)
    try {
      fchownSync(file, user.uid, user.gid)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (!hasCode(error, 'EEXIST', 'EPERM')) throw error
  }
}
