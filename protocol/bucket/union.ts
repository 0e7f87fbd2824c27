import type { Manifest } from './manifest.ts'

export type Union = { ok: true; manifest: Manifest } | { ok: false; error: string }

/**
 * One manifest of what the members of a gang have sent, in order of rank. Two of them may have the same name where the
 * bytes are the same; a file and a directory of one name never go together. Pure: the same lists give the same bytes.
 */
export function unionOf(parts: readonly Manifest[], metadata: Record<string, unknown>): Union {
  const [first] = parts
  if (first === undefined) return { ok: false, error: 'no member of the gang has sent a part' }
  const files = new Map<string, { file: Manifest['files'][number]; rank: number }>()
  for (const [rank, part] of parts.entries()) {
    for (const file of part.files) {
      const known = files.get(file.name)
      if (known && known.file.sha256 !== file.sha256) return { ok: false, error: `ranks ${known.rank} and ${rank} both saved ${file.name}, with different content (${known.file.size} and ${file.size} bytes): save under a name of its own on each node, or on one node only` }
      if (!known) files.set(file.name, { file, rank })
    }
  }
  for (const [name, { rank }] of files) {
    const above = parentsOf(name).find((parent) => files.has(parent))
    if (above !== undefined) return { ok: false, error: `${above} is a file on rank ${files.get(above)?.rank ?? 0} and a directory on rank ${rank} (${name}): choose another name for one of them` }
  }
  const sorted = [...files.values()].map(({ file }) => file).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return { ok: true, manifest: { ...first, metadata, files: sorted } }
}

function parentsOf(name: string): string[] {
  const parts = name.split('/')
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'))
}
