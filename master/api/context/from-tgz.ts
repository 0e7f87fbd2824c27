import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { CONTEXT_BYTES_MAX, CONTEXT_ENTRIES_MAX, shown, tooLarge, type ContextEntry } from './check-entries.ts'
import type { ReadContext } from './from-files.ts'

/** A bomb is cut off while it is being inflated. Small ones pass: a few zeros in a file are no attack. */
const INFLATED_MAX = 512 * 1024 * 1024
const RATIO_MAX = 100
const RATIO_COUNTS_FROM = 16 * 1024 * 1024
const GZIP_CHUNK = 256 * 1024

class ContextMistake extends Error {
  override readonly name = 'ContextMistake'
  readonly path: string
  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

/** Reads a gzipped tar whole into memory, within the limits. Only plain files and directories are taken. */
export async function readTgz(tgz: Uint8Array): Promise<ReadContext> {
  const entries: ContextEntry[] = []
  try {
    const tar = extract()
    await Promise.all([pipeline(Readable.from(chunksOf(tgz)), createGunzip(), boundInflation(tgz.length), tar), collect(tar, entries)])
    return { ok: true, entries }
  } catch (error) {
    if (error instanceof ContextMistake) return { ok: false, mistakes: [{ path: error.path, message: error.message }] }
    if (error instanceof Error) return { ok: false, mistakes: [{ path: 'contextTgz', message: `is no complete gzipped tar (${error.message.slice(0, 200)}): pack the directory again` }] }
    throw error
  }
}

async function collect(tar: ReturnType<typeof extract>, entries: ContextEntry[]): Promise<void> {
  let total = 0
  for await (const entry of tar) {
    const { header } = entry
    const kind = kindOf(header)
    const size = header.size ?? 0
    total += size
    if (total > CONTEXT_BYTES_MAX) throw new ContextMistake('contextTgz', tooLarge(total))
    if (entries.length >= CONTEXT_ENTRIES_MAX) throw new ContextMistake('contextTgz', `has more than ${CONTEXT_ENTRIES_MAX} entries: leave data out by .detignore`)
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    entries.push({ path: header.name, kind, mode: header.mode ?? (kind === 'file' ? 0o644 : 0o755), mtime: Math.max(0, Math.floor((header.mtime?.getTime() ?? 0) / 1000)), bytes: Buffer.concat(parts) })
  }
}

function kindOf(header: Header): ContextEntry['kind'] {
  if (header.type === 'file' || header.type === 'contiguous-file') return 'file'
  if (header.type === 'directory') return 'directory'
  const what = header.type === 'symlink' ? 'a symbolic link' : header.type === 'link' ? 'a hard link' : header.type === 'fifo' ? 'a pipe' : `a ${header.type ?? 'special file'}`
  throw new ContextMistake(shown(header.name), `is ${what}: only plain files and directories are taken; copy the target instead`)
}

function boundInflation(compressed: number): Transform {
  let inflated = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      inflated += chunk.length
      if (inflated > INFLATED_MAX) return done(new ContextMistake('contextTgz', `inflates beyond ${INFLATED_MAX / 1048576} MiB: at most ${CONTEXT_BYTES_MAX / 1048576} MiB of files are taken`))
      if (inflated > RATIO_COUNTS_FROM && inflated > compressed * RATIO_MAX) return done(new ContextMistake('contextTgz', `inflates to more than ${RATIO_MAX} times its size, as a decompression bomb does: leave the padded file out`))
      done(null, chunk)
    },
  })
}

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += GZIP_CHUNK) yield bytes.subarray(at, at + GZIP_CHUNK)
}
