import type { FileHandle } from 'node:fs/promises'

/** The local file is not as long as it was when the transfer began. Not the bucket's fault, and trying again cannot help. */
export class FileChangedError extends Error {
  override readonly name = 'FileChangedError'
}

/** Fills `buffer` from `position`; throws FileChangedError where the file ends before. */
export async function readFully(file: FileHandle, buffer: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0) throw new FileChangedError(`file ${path} became shorter while it was read: ended at byte ${position + done}`)
    done += bytesRead
  }
}
