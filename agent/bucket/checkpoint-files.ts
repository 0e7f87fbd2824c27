import { lstat, readdir, type FileHandle } from 'node:fs/promises'
import { fileNameMistake } from '../../protocol/bucket/verify.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'

/** A checkpoint that cannot be uploaded as it is; trying again cannot help. The message names the path and the cure. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError'
}

export interface CheckpointFile {
  /** relative, `/`-separated */
  name: string
  size: number
  mode: number
}

/** A manifest of more would outgrow what the master reads. */
const FILES_MAX = 20_000
const DEPTH_MAX = 32

/** Every regular file below an open directory, sorted by name. Throws CheckpointError for links, special files and names no bucket takes. */
export async function listFiles(root: FileHandle): Promise<CheckpointFile[]> {
  const files: CheckpointFile[] = []
  await walk(root, '', 0, files)
  return files.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function walk(directory: FileHandle, prefix: string, depth: number, files: CheckpointFile[]): Promise<void> {
  if (depth > DEPTH_MAX) throw new CheckpointError(`${prefix} is nested deeper than ${DEPTH_MAX} directories`)
  for (const entry of await readdir(pathOf(directory))) {
    const name = `${prefix}${entry}`
    const facts = await lstat(pathOf(directory, entry)).catch((error: unknown) => {
      throw hasCode(error, 'ENOENT') ? vanished(name) : error
    })
    if (facts.isDirectory()) await walkInto(directory, entry, name, depth, files)
    else if (facts.isSymbolicLink()) throw new CheckpointError(`${name} is a symbolic link; a checkpoint holds regular files only, so save a copy of the file`)
    else if (!facts.isFile()) throw new CheckpointError(`${name} is not a regular file; a checkpoint holds regular files only`)
    else files.push(checked({ name, size: facts.size, mode: facts.mode & 0o777 }))
    if (files.length > FILES_MAX) throw new CheckpointError(`it holds more than ${FILES_MAX} files; pack them into fewer`)
  }
}

async function walkInto(parent: FileHandle, entry: string, name: string, depth: number, files: CheckpointFile[]): Promise<void> {
  const directory = await openDirectory(pathOf(parent, entry)).catch((error: unknown) => {
    throw hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? vanished(name) : error
  })
  try {
    await walk(directory, `${name}/`, depth + 1, files)
  } finally {
    await directory.close()
  }
}

function checked(file: CheckpointFile): CheckpointFile {
  const mistake = fileNameMistake(file.name)
  if (mistake) throw new CheckpointError(`file name ${JSON.stringify(file.name.slice(0, 200))} ${mistake}; choose another`)
  return file
}

export function vanished(name: string): CheckpointError {
  return new CheckpointError(`${name} vanished while it was uploaded; leave a checkpoint's directory as it is once it is renamed to step-<n>`)
}
