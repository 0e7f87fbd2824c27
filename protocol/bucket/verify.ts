import { createHash } from 'node:crypto'
import Value from 'typebox/value'
import { BucketError, type Bucket } from './door.ts'
import { manifestKey } from './layout.ts'
import { Manifest } from './manifest.ts'

export type Verified =
  | { ok: true; manifest: Manifest; resources: Record<string, number>; bytes: number }
  /** transient: the store could not be asked; else the checkpoint is not what it claims to be */
  | { ok: false; transient: boolean; error: string }

const MANIFEST_MAX = 64 * 1024 * 1024
const PARALLEL = 16

/** Reads the manifest below `prefix`, compares its digest and looks at every object it names: size, and checksum where known (I4). */
export async function verifyCheckpoint(bucket: Bucket, prefix: string, manifestDigest: string, signal: AbortSignal): Promise<Verified> {
  try {
    const manifest = await readManifest(bucket, prefix, manifestDigest, signal)
    const pending = [...manifest.files]
    const workers = Array.from({ length: PARALLEL }, async () => {
      for (let file = pending.pop(); file; file = pending.pop()) await verifyFile(bucket, prefix, file, signal)
    })
    await Promise.all(workers)
    const resources = Object.fromEntries(manifest.files.map((file) => [file.name, file.size]))
    return { ok: true, manifest, resources, bytes: manifest.files.reduce((sum, file) => sum + file.size, 0) }
  } catch (error) {
    if (error instanceof BucketError) return { ok: false, transient: error.kind === 'transient' || error.kind === 'throttled' || error.kind === 'denied', error: error.message }
    throw error
  }
}

/** The manifest, its digest and its form checked; a BucketError of kind `corrupt` or `missing` otherwise. */
export async function readManifest(bucket: Bucket, prefix: string, digest: string, signal: AbortSignal): Promise<Manifest> {
  const bytes = await bucket.getBytes(manifestKey(prefix), { signal, maxBytes: MANIFEST_MAX })
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== digest) throw new BucketError('corrupt', `${manifestKey(prefix)} has SHA-256 ${found}, declared was ${digest}`)
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
  if (!Value.Check(Manifest, value)) throw new BucketError('corrupt', `${manifestKey(prefix)} is not a drover-manifest/1`)
  const bad = value.files.find((file) => !isSafeName(file.name))
  if (bad) throw new BucketError('corrupt', `${manifestKey(prefix)} names the file ${JSON.stringify(bad.name)}, which leaves the checkpoint`)
  return value
}

/** Relative, `/`-separated, no empty, `.` or `..` segment, no control character. */
export function isSafeName(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return name !== '' && !/[\u0000-\u001f\u007f\\]/.test(name) && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

async function verifyFile(bucket: Bucket, prefix: string, file: Manifest['files'][number], signal: AbortSignal): Promise<void> {
  const head = await bucket.head(`${prefix}/${file.name}`, { signal })
  if (head.size !== file.size) throw new BucketError('corrupt', `${head.key} has ${head.size} bytes, the manifest says ${file.size}`)
  if (head.sha256 !== null && head.sha256 !== file.sha256) throw new BucketError('corrupt', `${head.key} has SHA-256 ${head.sha256}, the manifest says ${file.sha256}`)
}
