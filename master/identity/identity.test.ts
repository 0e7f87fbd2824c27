import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadAuthority, loadServerIdentity } from './authority.ts'
import { joinToken } from './join-token.ts'
import { loadNatsKeys } from './nats-keys.ts'

let dir = ''
beforeEach(async () => { dir = join(await mkdtemp(join(tmpdir(), 'drover-identity-')), 'state') })
afterEach(async () => rm(join(dir, '..'), { recursive: true }))
const now = Date.UTC(2026, 0, 1)

test('programs that start together end up with one identity, readable by its owner only', async () => {
  const [a, b] = await Promise.all([loadAuthority(dir, now), loadAuthority(dir, now)])
  expect(a).toEqual(b)
  const [token, again] = await Promise.all([joinToken(dir, now), joinToken(dir, now)])
  expect(token).toBe(again)
  expect(token).toMatch(new RegExp(`^[A-Za-z0-9_-]{32}\\.${a.fingerprint}$`))
  const [x, y] = await Promise.all([loadNatsKeys(dir), loadNatsKeys(dir)])
  expect(x.account.getPublicKey()).toBe(y.account.getPublicKey())
  expect((await stat(dir)).mode & 0o777).toBe(0o700)
  for (const name of ['ca.json', 'join-secret', 'nats/account.nk']) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
  expect((await readdir(dir)).sort()).toEqual(['ca.json', 'join-secret', 'nats'])
})

test('the certificate is signed by the authority, names its hosts, and follows them', async () => {
  const authority = await loadAuthority(dir, now)
  const first = await loadServerIdentity(dir, authority, ['10.0.0.7'], now)
  const certificate = new X509Certificate(first.cert)
  expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
  expect(certificate.checkIP('10.0.0.7')).toBe('10.0.0.7')
  expect(certificate.checkHost('localhost')).toBe('localhost')
  expect((await loadServerIdentity(dir, authority, ['10.0.0.7'], now)).cert).toBe(first.cert)
  const moved = await loadServerIdentity(dir, authority, ['master.example.com'], now)
  expect(new X509Certificate(moved.cert).checkHost('master.example.com')).toBe('master.example.com')
})
