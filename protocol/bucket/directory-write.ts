import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, directoryError } from './directory-errors.ts'
import { TEMPORARY } from './key.ts'

/**
 * Makes `path` whole or not at all: a temporary file beside it, fsync, then rename, or link where the name must be
 * free (link fails with EEXIST atomically). The directory is synced too, so that the name survives a power cut.
 */
export async function writeWhole<T>(path: string, options: { create: boolean; what: string }, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const { file, temporary } = await openTemporary(dirname(path)).catch((error: unknown) => {
    throw directoryError(error, options.what)
  })
  try {
    const filled = await fill(file).finally(() => settle(file, options.what))
    await publish(temporary, path, options)
    return filled
  } catch (error) {
    await discard(temporary)
    throw error
  }
}

async function publish(temporary: string, path: string, options: { create: boolean; what: string }): Promise<void> {
  try {
    if (options.create) {
      await link(temporary, path)
      await unlink(temporary)
    } else await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    throw directoryError(error, options.what)
  }
}

async function settle(file: FileHandle, what: string): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    throw directoryError(error, what)
  } finally {
    await file.close()
  }
}

async function openTemporary(directory: string): Promise<{ file: FileHandle; temporary: string }> {
  await mkdir(directory, { recursive: true })
  const temporary = join(directory, `${TEMPORARY}${process.pid}-${randomBytes(6).toString('hex')}`)
  return { file: await open(temporary, 'wx', 0o644), temporary }
}

async function discard(temporary: string): Promise<void> {
  try {
    await unlink(temporary)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
