import { describe, expect, test } from 'vitest'
import type { Manifest } from './manifest.ts'
import { unionOf } from './union.ts'

const part = (files: Record<string, string>): Manifest => ({
  format: 'drover-manifest/1', uuid: '0b2f8f4e-8c1a-4c59-9d3e-1f2a3b4c5d6e', alloc: 'trial-1.1', epoch: 1, ordinal: 1, steps: 5, parent: null, createdAt: '2026-01-01T00:00:00.000Z', metadata: {},
  files: Object.entries(files).map(([name, bytes]) => ({ name, size: bytes.length, sha256: bytes.repeat(64).slice(0, 64), mode: 0o644 })),
})
const namesOf = (union: ReturnType<typeof unionOf>): string[] | string => (union.ok ? union.manifest.files.map((file) => file.name) : union.error)

describe('unionOf', () => {
  test('all files of all members, by name, with the metadata that was reported', () => {
    const union = unionOf([part({ 'b/1': '1', a: '2' }), part({}), part({ 'b/0': '3' })], { steps_completed: 5 })
    expect(namesOf(union)).toEqual(['a', 'b/0', 'b/1'])
    expect(union).toMatchObject({ manifest: { metadata: { steps_completed: 5 } } })
    expect(unionOf([part({}), part({})], {})).toMatchObject({ ok: true, manifest: { files: [] } })
  })
  test('the same name with the same bytes is one file', () => {
    expect(namesOf(unionOf([part({ a: '1' }), part({ a: '1' })], {}))).toEqual(['a'])
  })
  test('the same name with other bytes fails, with path, ranks and cure', () => {
    expect(namesOf(unionOf([part({}), part({ 'x/a': '1' }), part({ 'x/a': '2' })], {}))).toMatch(/ranks 1 and 2 both saved x\/a, with different content .* name of its own/)
  })
  test('a file and a directory of one name fail, whoever comes first', () => {
    for (const parts of [[part({ m: '1' }), part({ 'm/w': '2' })], [part({ 'm/w': '2' }), part({ m: '1' })]]) expect(namesOf(unionOf(parts, {}))).toMatch(/m is a file on rank . and a directory on rank . \(m\/w\)/)
  })
  test('without a part there is nothing', () => {
    expect(unionOf([], {}).ok).toBe(false)
  })
})
