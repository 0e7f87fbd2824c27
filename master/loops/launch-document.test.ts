import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CloudError } from '../cloud/door.ts'
import { joinTokenHash } from '../identity/join-token.ts'
import { launchToken, loadLaunchKey } from '../identity/launch-token.ts'
import { composeDocument } from './launch-document.ts'

test('the key is made once; the same launch has the same token for ever, another launch another', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'drover-launch-'))
  try {
    const key = await loadLaunchKey(dir)
    expect(await loadLaunchKey(dir)).toBe(key)
    expect((await stat(join(dir, 'launch-key'))).mode & 0o777).toBe(0o600)
    const given = launchToken(key, 'l1', 'f'.repeat(64))
    expect(launchToken(key, 'l1', 'f'.repeat(64))).toEqual(given)
    expect(given.token).toMatch(/^[\w-]{43}\.f{64}$/)
    expect(joinTokenHash(given.token)).toEqual(given.hash)
    expect(launchToken(key, 'l2', 'f'.repeat(64)).token).not.toBe(given.token)
    expect(launchToken(`${key}x`, 'l1', 'f'.repeat(64)).token).not.toBe(given.token)
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('the document: one setting a line; a script as base64; too long is refused with the cure', () => {
  const input = { masterUrl: 'https://m:8443', joinToken: 's.f', pool: 'gpu', cpuSlots: null, startupScript: '' }
  expect(composeDocument(input)).toBe('#drover\nDROVER_MASTER_URL=https://m:8443\nDROVER_JOIN_TOKEN=s.f\nDROVER_POOL=gpu\n')
  expect(composeDocument({ ...input, cpuSlots: 4 })).toContain('\nDROVER_CPU_SLOTS=4\n')
  expect(composeDocument({ ...input, startupScript: 'a\nb' })).toContain(`DROVER_STARTUP_SCRIPT=${Buffer.from('a\nb').toString('base64')}\n`)
  expect(() => composeDocument({ ...input, startupScript: 'x'.repeat(12_300) })).toThrow(expect.objectContaining({ kind: 'parameters', message: expect.stringContaining('make startup_script shorter') }) as CloudError)
})
