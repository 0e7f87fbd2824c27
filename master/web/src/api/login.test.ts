import { createHash, webcrypto } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'
import { hashPassword, logIn } from './login.ts'

afterEach(() => vi.unstubAllGlobals())

it('hashes as the determined client does', async () => {
  const expected = createHash('sha512').update('GubPEmmotfiK9TMD6Zdw' + 'pässword').digest('hex')
  expect(await hashPassword('pässword', webcrypto.subtle as SubtleCrypto)).toBe(expected)
})

it('sends the text where the browser gives no SubtleCrypto', async () => {
  const bodies: unknown[] = []
  vi.stubGlobal('crypto', {})
  vi.stubGlobal('fetch', (_path: string, init: RequestInit) => {
    bodies.push(JSON.parse(String(init.body)))
    return Promise.resolve(new Response('{"token":"t","user":{"username":"ada","admin":false}}'))
  })
  await logIn('ada', 'secret')
  expect(bodies).toEqual([{ username: 'ada', password: 'secret', isHashed: false }])
})
