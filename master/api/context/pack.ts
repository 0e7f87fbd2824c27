import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { pack } from 'tar-stream'
import type { ContextEntry } from './check-entries.ts'

const gzipBytes = promisify(gzip)

/** One gzipped tar; the same entries give the same bytes, so that equal model definitions are one blob. Owner is root. */
export async function packContext(entries: readonly ContextEntry[]): Promise<Uint8Array> {
  const tar = pack()
  const parts: Buffer[] = []
  const done = (async (): Promise<void> => {
    for await (const part of tar) parts.push(part as Buffer)
  })()
  for (const entry of entries) {
    const header = { name: entry.kind === 'directory' ? `${entry.path}/` : entry.path, type: entry.kind, mode: entry.mode, mtime: new Date(entry.mtime * 1000), uid: 0, gid: 0 }
    await new Promise<void>((resolve, reject) => {
      tar.entry(header, Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength), (error) => (error ? reject(error) : resolve()))
    })
  }
  tar.finalize()
  await done
  return gzipBytes(Buffer.concat(parts))
}
