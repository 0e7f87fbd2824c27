import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'

/** The master refuses more when it is submitted; a bomb must not fill the host either. */
const BYTES_MAX = 512 * 1024 ** 2
const ENTRIES_MAX = 100_000

/** A model definition that must not be unpacked; the text names the entry or the limit. */
export class ModelDefinitionError extends Error {
  override readonly name = 'ModelDefinitionError'
}

/**
 * A tar for the root of the container's file system: the work directory and, below it, the model definition (a
 * gzipped tar), entry by entry. Only plain files and directories pass, owned by the user of the run; nothing
 * touches the host's disk. An error ends the stream with it.
 */
export async function packWorkDir(spec: Pick<AllocationSpec, 'workDir' | 'user'>, archive: Buffer | null): Promise<Readable> {
  const { extract, pack } = await import('tar-stream')
  const owner = { uid: spec.user.uid, gid: spec.user.gid, uname: '', gname: '' }
  const out = pack()
  const base = spec.workDir.replace(/^\/+|\/+$/g, '')
  const write = (header: import('tar-stream').Headers, body?: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      out.entry({ ...header, ...owner }, body, (error) => (error ? reject(error) : resolve()))
    })
  const fillIn = async (): Promise<void> => {
    for (const directory of parentsOf(base)) await write({ name: `${directory}/`, type: 'directory', mode: 0o755 })
    if (archive !== null) await copyEntries(archive, base, extract(), write)
    out.finalize()
  }
  fillIn().catch((error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))))
  return out
}

type Write = (header: import('tar-stream').Headers, body?: Buffer) => Promise<void>

async function copyEntries(archive: Buffer, base: string, reader: import('tar-stream').Extract, write: Write): Promise<void> {
  const { createGunzip } = await import('node:zlib')
  const { Readable: Source } = await import('node:stream')
  let bytes = 0
  let entries = 0
  const feeding = pipeline(Source.from([archive]), createGunzip(), reader)
  const reading = (async () => {
    for await (const entry of reader) {
      const body = await bodyOf(entry, BYTES_MAX - bytes)
      bytes += body.length
      entries += 1
      if (entries > ENTRIES_MAX) throw new ModelDefinitionError(`the model definition holds more than ${ENTRIES_MAX} entries: leave out data and caches with a .detignore file`)
      const name = safeName(entry.header.name)
      if (name === null) continue
      const mode = (entry.header.mode ?? 0o644) & 0o777
      if (entry.header.type === 'directory') await write({ name: `${base}/${name}/`, type: 'directory', mode: mode | 0o700 })
      if (entry.header.type === 'file' || entry.header.type === 'contiguous-file') await write({ name: `${base}/${name}`, type: 'file', mode, size: body.length, ...(entry.header.mtime ? { mtime: entry.header.mtime } : {}) }, body)
    }
  })()
  await Promise.all([feeding, reading])
}

async function bodyOf(entry: AsyncIterable<Buffer>, room: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of entry) {
    size += chunk.length
    if (size > room) throw new ModelDefinitionError(`the model definition unpacks to more than ${BYTES_MAX / 1024 ** 2} MiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Relative and inside; null for the top itself. */
function safeName(name: string): string | null {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || name.startsWith('/') || name.includes('\u0000')) throw new ModelDefinitionError(`the model definition holds the path ${JSON.stringify(name.slice(0, 200))}, which leads outside`)
  return parts.length === 0 ? null : parts.join('/')
}

/** Directories that must exist for the work directory; system directories that every image has are left as they are. */
function parentsOf(base: string): string[] {
  const parts = base.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/')).filter((path) => !['run', 'tmp', 'opt', 'home', 'usr', 'var', 'root'].includes(path))
}
