import { constants, open, type FileHandle } from 'node:fs/promises'

/**
 * Files that a container can rewrite at any moment are opened without following a link in any part of their path, or a
 * container could show the agent (root) any file of the host. Node has no openat(2): a directory held open is reached
 * as /proc/self/fd/<n>, which is that very directory whatever its name has become.
 */
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

export function openDirectory(path: string): Promise<FileHandle> {
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

/** A regular file at `path`, whose last part must be no link. Throws NotRegularError for anything else. */
export async function openRegular(path: string, shownAs: string): Promise<FileHandle> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw hasCode(error, 'ELOOP') ? new NotRegularError(`${shownAs} is a symbolic link; only regular files are taken`) : hasCode(error, 'ENXIO') ? new NotRegularError(`${shownAs} is not a regular file`) : error
  })
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new NotRegularError(`${shownAs} is not a regular file`)
}

export class NotRegularError extends Error {
  override readonly name = 'NotRegularError'
}

/** The path of an open file or directory, or of an entry directly below it. */
export function pathOf(handle: FileHandle, entry?: string): string {
  return entry === undefined ? `/proc/self/fd/${handle.fd}` : `/proc/self/fd/${handle.fd}/${entry}`
}

/** Opens `a/b/file` below `root`, each directory on the way without following links. */
export async function openRegularBeneath(root: FileHandle, name: string): Promise<FileHandle> {
  const parts = name.split('/')
  const file = parts.pop() ?? ''
  const opened: FileHandle[] = []
  try {
    let directory = root
    for (const part of parts) {
      directory = await openDirectory(pathOf(directory, part))
      opened.push(directory)
    }
    return await openRegular(pathOf(directory, file), name)
  } finally {
    for (const directory of opened) await directory.close()
  }
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
