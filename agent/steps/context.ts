import { createGunzip } from 'node:zlib'
import { Readable } from 'node:stream'
import { extract, pack, type Pack } from 'tar-stream'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'

const INFLATED_MAX = 512 * 1024 * 1024

/**
 * The model definition as a tar for the container's own file system, below the work directory and owned by the user.
 * Only plain files and directories pass; nothing is ever unpacked on the host.
 */
export function contextTar(spec: AllocationSpec, tgz: Buffer | null): Pack {
  const out = pack()
  const owner = { uid: spec.user.uid, gid: spec.user.gid }
  const base = spec.workDir.replace(/^\/+/, '')
  out.entry({ name: `${base}/`, type: 'directory', mode: 0o755, ...owner })
  if (tgz === null) out.finalize()
  else void copyEntries(tgz, out, base, owner).then(() => out.finalize(), (error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))))
  return out
}

async function copyEntries(tgz: Buffer, out: Pack, base: string, owner: { uid: number; gid: number }): Promise<void> {
  let inflated = 0
  const entries = Readable.from([tgz]).pipe(createGunzip()).pipe(extract())
  for await (const entry of entries) {
    const { name, type, mode, mtime, size } = entry.header
    const parts = name.split('/').filter((part) => part !== '' && part !== '.')
    const plain = type === 'file' || type === 'directory'
    if (!plain || parts.includes('..') || name.includes('\0')) throw new Error(`the model definition holds ${JSON.stringify(name.slice(0, 200))}, a ${type ?? 'thing'} that is not allowed`)
    inflated += size ?? 0
    if (inflated > INFLATED_MAX) throw new Error(`the model definition is larger than ${INFLATED_MAX} bytes`)
    const header = { name: `${base}/${parts.join('/')}`, mode: (mode ?? 0o644) & 0o777, ...(mtime ? { mtime } : {}), ...owner }
    if (type === 'directory') {
      if (parts.length > 0) out.entry({ ...header, name: `${header.name}/`, type: 'directory' })
      entry.resume()
    } else {
      const chunks: Buffer[] = []
      for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
      await new Promise<void>((resolve, reject) => out.entry({ ...header, type: 'file' }, Buffer.concat(chunks), (error) => (error ? reject(error) : resolve())))
    }
  }
}
