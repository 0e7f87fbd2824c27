import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import type { Header } from 'tar-stream'
import { CliError, EXIT } from './fail.ts'

/**
 * Unpacks a gzipped tar into `root`, which must be fresh and ours. Only plain files and directories below it are
 * taken: a link, a device, an absolute path, `..` or a name that comes twice is refused. Returns path -> size.
 */
export async function unpackTgz(bytes: ReadableStream<Uint8Array>, root: string, onBytes: (total: number) => void, signal: AbortSignal): Promise<Map<string, number>> {
  const files = new Map<string, number>()
  let total = 0
  const tar = extract()
  const unzipped = pipeline(Readable.fromWeb(bytes as Parameters<typeof Readable.fromWeb>[0]), createGunzip(), tar, { signal })
  const written = (async () => {
    for await (const entry of tar) {
      const path = safePath(entry.header)
      if (entry.header.type === 'directory') {
        await mkdir(join(root, path), { recursive: true })
        entry.resume()
        continue
      }
      await mkdir(dirname(join(root, path)), { recursive: true })
      // `wx` follows no link and overwrites nothing
      await pipeline(entry, createWriteStream(join(root, path), { flags: 'wx', mode: 0o644 }))
      files.set(path, entry.header.size ?? 0)
      total += entry.header.size ?? 0
      onBytes(total)
    }
  })()
  await Promise.all([unzipped, written])
  return files
}

function safePath(header: Header): string {
  const { name, type } = header
  const refuse = (why: string): never => {
    throw new CliError(EXIT.failed, `the archive holds ${JSON.stringify(name.slice(0, 200))}: ${why}; nothing was kept`, 'the checkpoint was not written by Drover; look at it in the bucket before you trust it')
  }
  if (type !== 'file' && type !== 'directory') refuse(`a ${type ?? 'thing of unknown kind'}, only files and directories are taken`)
  const parts = name.replace(/\/+$/, '').split('/').filter((part) => part !== '.')
  if (name.startsWith('/') || name.includes('\u0000') || name.includes('\\') || parts.some((part) => part === '' || part === '..')) refuse('a path that leads elsewhere')
  return parts.join('/')
}
