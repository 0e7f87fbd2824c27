import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Text of a file of the state directory; null where there is none. */
export async function readKept(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
}

/** Text of the file, made once, whole or absent, mode 0600. Of two that make it at once the first wins for both. */
export async function keepFile(path: string, make: () => string | Promise<string>): Promise<string> {
  const found = await readKept(path)
  if (found !== null) return found
  const temporary = await writeBeside(path, await make())
  try {
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
  return readFile(path, 'utf8')
}

export async function replaceFile(path: string, text: string): Promise<void> {
  await rename(await writeBeside(path, text), path)
}

async function writeBeside(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
  return temporary
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
