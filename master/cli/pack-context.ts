import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import { pack as createPack } from 'tar-stream'
import type { Pack } from 'tar-stream'
import { collectContext } from './collect-context.ts'
import type { ContextEntry } from './collect-context.ts'
import { CliError, EXIT } from './fail.ts'

export interface PackedContext {
  /** gzipped tar; the same tree gives the same bytes */
  bytes: Buffer
  files: number
  /** of the files, unpacked */
  size: number
}

export async function packContext(root: string): Promise<PackedContext> {
  const entries = await collectContext(root)
  const pack = createPack()
  const zipped = buffer(pack.pipe(createGzip()))
  try {
    for (const entry of entries) await add(pack, root, entry)
    pack.finalize()
  } catch (error) {
    pack.destroy()
    zipped.catch(() => undefined) // the error below is the cause
    throw error
  }
  const files = entries.filter(({ directory }) => !directory)
  return { bytes: await zipped, files: files.length, size: files.reduce((sum, { size }) => sum + size, 0) }
}

async function add(pack: Pack, root: string, entry: ContextEntry): Promise<void> {
  const head = { name: entry.directory ? `${entry.path}/` : entry.path, mode: entry.mode, mtime: new Date(entry.modified * 1000), uid: 0, gid: 0 }
  if (entry.directory) return put(pack, { ...head, type: 'directory' }, Buffer.alloc(0))
  const bytes = await read(join(root, entry.path), entry.size)
  return put(pack, { ...head, type: 'file', size: bytes.length }, bytes)
}

function put(pack: Pack, head: Parameters<Pack['entry']>[0], bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry(head, bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}

/** Exactly the size that was counted: a file that grows meanwhile must not pass the limit. */
async function read(path: string, size: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = Buffer.alloc(size)
      let at = 0
      while (at < size) {
        const { bytesRead } = await file.read(bytes, at, size - at, at)
        if (bytesRead === 0) throw new CliError(EXIT.failed, `${path} became shorter while it was read`, 'run the command again when nothing writes there')
        at += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(EXIT.failed, `cannot read ${path}: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault'}`, 'make it readable or name it in .droverignore')
  }
}
