import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, pack, type Extract, type Header } from 'tar-stream'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { INFO_DIR } from '../plan/harness.ts'
import { ModelDefinitionError } from './errors.ts'

/** The master refuses more when it is submitted; a bomb must not fill the host either. */
const BYTES_MAX = 512 * 1024 ** 2
const ENTRIES_MAX = 100_000

type Write = (header: Partial<Header> & { name: string }, body?: Buffer) => Promise<void>

/**
 * A tar for the root of the container's file system: the work directory and, below it, the model definition (a
 * gzipped tar), entry by entry; beside it `info`, file name -> text, for the `determined` package. Only plain files and directories pass, owned by the user of the run; nothing
 * touches the host's disk. The stream ends with ModelDefinitionError where the archive is not fit.
 */
export function packWorkDir(spec: Pick<AllocationSpec, 'workDir' | 'user'>, archive: Buffer | null, info: Readonly<Record<string, string>> = {}): Readable {
  const owner = { uid: spec.user.uid, gid: spec.user.gid }
  const out = pack()
  const base = spec.workDir.replace(/^\/+|\/+$/g, '')
  const write: Write = (header, body) =>
    new Promise((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve())
      if (body === undefined) out.entry({ ...header, ...owner }, done)
      else out.entry({ ...header, ...owner }, body, done)
    })
  const fillIn = async (): Promise<void> => {
    for (const directory of newDirectories(base)) await write({ name: `${directory}/`, type: 'directory', mode: 0o755 })
    for (const directory of DETERMINED_DIRECTORIES) await write({ name: `${directory}/`, type: 'directory', mode: 0o755 })
    for (const [name, text] of Object.entries(info)) await write({ name: `${INFO_DIR.slice(1)}/${name}`, type: 'file', mode: 0o644 }, Buffer.from(text))
    if (archive !== null) await copyEntries(archive, base, write)
    out.finalize()
  }
  fillIn().catch((error: unknown) => out.destroy(asModelDefinitionError(error)))
  return Readable.from(out)
}

async function copyEntries(archive: Buffer, base: string, write: Write): Promise<void> {
  const reader = extract()
  const feeding = pipeline(Readable.from([archive]), createGunzip(), reader)
  const [fed, read] = await Promise.allSettled([feeding, copyAll(reader, base, write)])
  if (read.status === 'rejected') throw read.reason
  if (fed.status === 'rejected') throw fed.reason
}

async function copyAll(reader: Extract, base: string, write: Write): Promise<void> {
  let bytes = 0
  let entries = 0
  for await (const entry of reader) {
    const body = await bodyOf(entry, BYTES_MAX - bytes)
    bytes += body.length
    entries += 1
    if (entries > ENTRIES_MAX) throw new ModelDefinitionError(`the model definition holds more than ${ENTRIES_MAX} entries: leave out data and caches with a .detignore file`)
    const name = safeName(entry.header.name)
    if (name === null) continue
    const mode = entry.header.mode & 0o777
    const { type, mtime } = entry.header
    for (const root of type === 'directory' ? [base, MODEL_COPY] : []) await write({ name: `${root}/${name}/`, type: 'directory', mode: mode | 0o700, mtime })
    if (type !== 'file' && type !== 'contiguous-file') continue
    await write({ name: `${base}/${name}`, type: 'file', mode, size: body.length, mtime }, body)
    await write({ name: `${MODEL_COPY}/${name}`, type: 'link', linkname: `${base}/${name}`, mode, mtime })
  }
}

async function bodyOf(entry: AsyncIterable<unknown>, room: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of entry) {
    if (!(chunk instanceof Uint8Array)) continue
    size += chunk.length
    if (size > room) throw new ModelDefinitionError(`the model definition unpacks to more than ${BYTES_MAX / 1024 ** 2} MiB: keep data out of it`)
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

/** What the `determined` package saves with a checkpoint of its trial classes: the model definition once more, as links of the same files. */
const MODEL_COPY = 'run/determined/train/model'
const DETERMINED_DIRECTORIES = ['run/determined', INFO_DIR.slice(1), 'run/determined/train', MODEL_COPY]

const SYSTEM_DIRECTORIES = ['run', 'tmp', 'opt', 'home', 'usr', 'var', 'root', 'mnt', 'srv']

/** The work directory and what leads to it, but for the system's own, which keep their owner. */
function newDirectories(base: string): string[] {
  const parts = base.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/')).filter((path) => !SYSTEM_DIRECTORIES.includes(path))
}

function asModelDefinitionError(error: unknown): Error {
  if (error instanceof ModelDefinitionError) return error
  return new ModelDefinitionError(`the model definition is no readable tar.gz: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
