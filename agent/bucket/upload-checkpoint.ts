import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { inParallel } from '../../protocol/bucket/lanes.ts'
import { manifestKey } from '../../protocol/bucket/layout.ts'
import type { Manifest } from '../../protocol/bucket/manifest.ts'
import { FileChangedError } from '../../protocol/bucket/read-file.ts'
import { MANIFEST_BYTES_MAX, parseManifest } from '../../protocol/bucket/verify.ts'
import { NotRegularError, hasCode, openRegularBeneath, pathOf } from './beneath.ts'
import { CheckpointError, listFiles, vanished, type CheckpointFile } from './checkpoint-files.ts'
import { readMetadata } from './checkpoint-metadata.ts'

const FILES_AT_ONCE = 4

export interface UploadJob {
  bucket: Bucket
  /** where the bytes go, by `checkpointPrefix` */
  prefix: string
  /** the checkpoint's directory, held open: it stays the same one whatever its name becomes */
  directory: FileHandle
  head: Pick<Manifest, 'uuid' | 'alloc' | 'epoch' | 'ordinal' | 'steps' | 'parent' | 'createdAt'>
  /** files sent in an earlier try of this life, by name; filled here */
  sent: Map<string, { size: number; sha256: string }>
  signal: AbortSignal
  onBytes: (bytes: number) => void
  onRetry: (error: BucketError) => void
}

export interface Uploaded {
  /** SHA-256 of manifest.json */
  manifest: string
  files: number
  bytes: number
  metadata: Record<string, unknown>
  /** why metadata.json was not taken */
  problem: string | null
}

/**
 * Sends every file to its final key, four at a time, then the manifest, create-only: only then the checkpoint exists.
 * Throws CheckpointError where trying again cannot help, BucketError as the store fails.
 */
export async function uploadCheckpoint(job: UploadJob): Promise<Uploaded> {
  const files = await listFiles(job.directory)
  const { metadata, problem } = await readMetadata(job.directory, files)
  await sendAll(job, files)
  const listed = files.map((file) => ({ name: file.name, ...sentFile(job, file.name), mode: file.mode }))
  const manifest: Manifest = { format: 'drover-manifest/1', ...job.head, metadata, files: listed }
  const bytes = Buffer.from(JSON.stringify(manifest))
  if (bytes.length > MANIFEST_BYTES_MAX) throw new CheckpointError(`its manifest would have ${bytes.length} bytes; save fewer files or shorter names`)
  await putManifest(job, bytes)
  return { manifest: digestOf(bytes), ...totals(manifest), metadata, problem }
}

/**
 * What an earlier life of the agent may have completed: with its manifest in place the checkpoint exists, and its files
 * must not be written again (I4). Null where there is none yet.
 */
export async function findUploaded(job: Pick<UploadJob, 'bucket' | 'prefix' | 'head' | 'signal'>): Promise<Uploaded | null> {
  const key = manifestKey(job.prefix)
  try {
    const bytes = await job.bucket.getBytes(key, { signal: job.signal, maxBytes: MANIFEST_BYTES_MAX })
    const manifest = parseManifest(bytes, key)
    if (manifest.uuid !== job.head.uuid || manifest.alloc !== job.head.alloc) throw new CheckpointError(`${key} is the manifest of another checkpoint`)
    return { manifest: digestOf(bytes), ...totals(manifest), metadata: manifest.metadata, problem: null }
  } catch (error) {
    if (error instanceof BucketError && error.kind === 'missing') return null
    throw error
  }
}

/** The store's passing faults, which waiting cures. */
export function isPassing(error: unknown): error is BucketError {
  return error instanceof BucketError && (error.kind === 'transient' || error.kind === 'throttled' || error.kind === 'full')
}

/** A passing fault of one file does not stop the others: a large one under way would never get to its end. */
async function sendAll(job: UploadJob, files: readonly CheckpointFile[]): Promise<void> {
  const passing: BucketError[] = []
  await inParallel(files, FILES_AT_ONCE, job.signal, async (file, signal) => {
    try {
      await sendFile(job, file, signal)
    } catch (error) {
      if (!isPassing(error)) throw error
      passing.push(error)
    }
  })
  if (passing[0]) throw passing[0]
}

async function sendFile(job: UploadJob, file: CheckpointFile, signal: AbortSignal): Promise<void> {
  if (job.sent.has(file.name)) return
  const handle = await openRegularBeneath(job.directory, file.name).catch((error: unknown) => {
    throw named(error, file.name)
  })
  try {
    const put = await job.bucket.putFile(`${job.prefix}/${file.name}`, pathOf(handle), { signal, onBytes: job.onBytes, onRetry: job.onRetry })
    job.sent.set(file.name, put)
  } catch (error) {
    throw named(error, file.name)
  } finally {
    await handle.close()
  }
}

/** A reply that was lost leaves our own manifest behind: the same bytes are success. */
async function putManifest(job: UploadJob, bytes: Buffer): Promise<void> {
  const key = manifestKey(job.prefix)
  try {
    await job.bucket.putBytes(key, bytes, { signal: job.signal, create: true, contentType: 'application/json' })
  } catch (error) {
    if (!(error instanceof BucketError) || error.kind !== 'exists') throw error
    const there = await job.bucket.getBytes(key, { signal: job.signal, maxBytes: MANIFEST_BYTES_MAX })
    if (!bytes.equals(there)) throw new CheckpointError(`${key} is taken by another manifest`)
  }
}

/** Errors of the checkpoint's own files are for good; the bucket's keep their kind. */
function named(error: unknown, name: string): unknown {
  if (error instanceof NotRegularError) return new CheckpointError(error.message)
  if (error instanceof FileChangedError) return new CheckpointError(`${name} became shorter while it was uploaded; rename a checkpoint's directory to step-<n> only once its files are written`)
  if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return vanished(name)
  if (hasCode(error, 'EACCES', 'EPERM', 'EIO')) return new CheckpointError(`${name} cannot be read: ${error instanceof Error ? error.message : ''}`)
  return error
}

function sentFile(job: UploadJob, name: string): { size: number; sha256: string } {
  const sent = job.sent.get(name)
  if (!sent) throw new Error(`file ${name} was not sent`)
  return sent
}

function totals(manifest: Manifest): { files: number; bytes: number } {
  return { files: manifest.files.length, bytes: manifest.files.reduce((sum, file) => sum + file.size, 0) }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
