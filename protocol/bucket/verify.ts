import { createHash } from 'node:crypto'
import { Compile } from 'typebox/compile'
import { BucketError, type Bucket } from './door.ts'
import { keyMistake } from './key.ts'
import { inParallel } from './lanes.ts'
import { MANIFEST, manifestKey } from './layout.ts'
import { Manifest } from './manifest.ts'

/** Room for some 30,000 files of long names. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024
const HEADS_AT_ONCE = 16
const manifestCheck = Compile(Manifest)

export type Verified =
  /** `resources`: name -> size in bytes, manifest.json itself aside */
  | { ok: true; manifest: Manifest; resources: Record<string, number>; bytes: number }
  /** transient: the bucket gave no answer or refuses the reader (whose cure is not the checkpoint's): look again later */
  | { ok: false; transient: boolean; error: string }

/**
 * Whether the checkpoint below `prefix` is whole: the manifest has this SHA-256 and is well formed, and every object it
 * names is there with its size and, where the store knows it, its SHA-256 (I4, I5). Rejects only when `signal` aborts.
 */
export async function verifyCheckpoint(bucket: Bucket, prefix: string, expectManifestDigest: string, signal: AbortSignal): Promise<Verified> {
  try {
    const manifest = await readManifest(bucket, prefix, expectManifestDigest, signal)
    await inParallel(manifest.files, HEADS_AT_ONCE, signal, (file, inner) => checkFile(bucket, prefix, file, inner))
    return { ok: true, manifest, resources: Object.fromEntries(manifest.files.map((file) => [file.name, file.size])), bytes: manifest.files.reduce((sum, file) => sum + file.size, 0) }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof BucketError)) throw error
    return { ok: false, transient: error.kind === 'transient' || error.kind === 'throttled' || error.kind === 'denied', error: error.message }
  }
}

/** SHA-256, hex, of the manifest as it lies there. Throws BucketError. */
export async function manifestDigest(bucket: Bucket, prefix: string, signal: AbortSignal): Promise<string> {
  return createHash('sha256').update(await bucket.getBytes(manifestKey(prefix), { signal, maxBytes: MANIFEST_BYTES_MAX })).digest('hex')
}

/** Reads and checks the manifest alone. Throws BucketError: `missing`, `corrupt` with what is wrong, or as the store fails. */
export async function readManifest(bucket: Bucket, prefix: string, expectDigest: string, signal: AbortSignal): Promise<Manifest> {
  const bytes = await bucket.getBytes(manifestKey(prefix), { signal, maxBytes: MANIFEST_BYTES_MAX })
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (digest !== expectDigest) throw new BucketError('corrupt', `${manifestKey(prefix)} has SHA-256 ${digest}, expected ${expectDigest}`)
  return parseManifest(bytes, manifestKey(prefix))
}

/** Throws BucketError `corrupt` naming what is wrong; `key` is for the message. */
export function parseManifest(bytes: Uint8Array, key: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new BucketError('corrupt', `${key} is not JSON`, { cause })
  }
  if (!manifestCheck.Check(value)) {
    const first = manifestCheck.Errors(value)[0]
    throw new BucketError('corrupt', `${key} is no manifest: ${first ? `${first.instancePath || '/'} ${first.message}` : 'of another shape'}`)
  }
  const seen = new Set<string>()
  for (const { name } of value.files) {
    const wrong = fileNameMistake(name) ?? (seen.has(name) ? 'is named twice' : null)
    if (wrong) throw new BucketError('corrupt', `${key} names a file ${JSON.stringify(name.slice(0, 200))} that ${wrong}`)
    seen.add(name)
  }
  return value
}

/** Null when a file of a checkpoint may have this name: it stays below its directory on every host. */
export function fileNameMistake(name: string): string | null {
  if (name === MANIFEST) return `is the manifest's own`
  return keyMistake(name)
}

async function checkFile(bucket: Bucket, prefix: string, file: Manifest['files'][number], signal: AbortSignal): Promise<void> {
  const head = await bucket.head(`${prefix}/${file.name}`, { signal })
  if (head.size !== file.size) throw new BucketError('corrupt', `${prefix}/${file.name} has ${head.size} bytes, its manifest says ${file.size}`)
  if (head.sha256 !== null && head.sha256 !== file.sha256) throw new BucketError('corrupt', `${prefix}/${file.name} has SHA-256 ${head.sha256}, its manifest says ${file.sha256}`)
}
