import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { readConfig } from '../config.ts'
import { silentLog } from '../loops/log.fixture.ts'
import { BlobError } from '../steps/context.ts'
import { masterBlobs } from './blobs.ts'
import { isRenewalDue, loadIdentity, renewIdentity } from './enroll.ts'
import { openMasterHttp } from './https.ts'
import { lifeOf, readIdentity } from './identity.ts'

let server: Server
let url: string
let fingerprint: string
let dir: string
const calls: { path: string; authorization: string | undefined; body: unknown }[] = []
const answers = new Map<string, () => { status: number; body: unknown }>()
const jwt = (iat: number, exp: number): string => `e30.${Buffer.from(JSON.stringify({ iat, exp })).toString('base64url')}.x`

beforeAll(async () => {
  const authority = await generate([{ name: 'commonName', value: 'test CA' }], { algorithm: 'sha256', keySize: 2048, extensions: [{ name: 'basicConstraints', cA: true }, { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }] })
  fingerprint = createHash('sha256').update(new X509Certificate(authority.cert).raw).digest('hex')
  server = createServer({ key: authority.private, cert: authority.cert }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = request.url ?? ''
      const text = Buffer.concat(chunks).toString()
      calls.push({ path, authorization: request.headers.authorization, body: text === '' ? null : JSON.parse(text) })
      const authorityAnswer = { status: 200, body: Buffer.from(authority.cert) }
      const { status, body } = (path === '/agent/v1/ca' ? authorityAnswer : answers.get(path)?.()) ?? { status: 404, body: { error: { reason: 'NotFound' }, message: 'no such thing' } }
      response.writeHead(status).end(Buffer.isBuffer(body) ? body : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  if (dir) rmSync(dir, { recursive: true })
  dir = mkdtempSync(join(tmpdir(), 'drover-identity-'))
  calls.length = 0
  answers.clear()
  answers.set('/agent/v1/enroll', () => ({ status: 200, body: { v: 1, agentId: 'a1', clusterId: 'c1', jwt: jwt(0, 100), natsUrls: ['nats://n'], agentToken: 'agent-token' } }))
})

const enrol = (change: Record<string, string | undefined> = {}, signal = new AbortController().signal) => {
  const env = { DROVER_MASTER_URL: url, DROVER_JOIN_TOKEN: `secret.${fingerprint}`, DROVER_AGENT_ID: 'a1', DROVER_STATE_DIR: dir, ...change }
  return loadIdentity({ config: readConfig(env, 'host'), clock: realClock, random: () => 0, log: silentLog, signal })
}

describe('enrolment', () => {
  test('sends a public key and keeps the rest to itself; the second start needs no token', async () => {
    const identity = await enrol()
    expect(identity).toMatchObject({ agentId: 'a1', clusterId: 'c1', agentToken: 'agent-token', natsUrls: ['nats://n'] })
    expect(calls.at(-1)?.body).toMatchObject({ v: 1, joinToken: 'secret', agentId: 'a1', pool: 'default', publicKey: expect.stringMatching(/^U[A-Z2-7]{55}$/) })
    expect(JSON.stringify(calls)).not.toContain(identity?.seed)
    expect(statSync(join(dir, 'identity.json')).mode & 0o777).toBe(0o600)
    calls.length = 0
    expect(await enrol({ DROVER_JOIN_TOKEN: undefined })).toEqual(identity)
    expect(calls).toEqual([])
  })

  test('a CA that is not the token\'s: nothing is sent to it', async () => {
    await expect(enrol({ DROVER_JOIN_TOKEN: `secret.${'0'.repeat(64)}` })).rejects.toThrow(/DROVER_MASTER_URL or DROVER_JOIN_TOKEN belongs to another master/)
    expect(calls.map((call) => call.path)).toEqual(['/agent/v1/ca'])
    expect(existsSync(join(dir, 'identity.json'))).toBe(false)
  })

  test.each([
    [401, 'the join token is wrong', /refused the join token: the join token is wrong. Set DROVER_JOIN_TOKEN/],
    [400, 'resource pool big does not exist', /for pool default: resource pool big does not exist. Check DROVER_POOL/],
  ])('a refusal %i is final and says what to change', async (status, message, words) => {
    answers.set('/agent/v1/enroll', () => ({ status, body: { error: { code: status }, message } }))
    await expect(enrol()).rejects.toThrow(words)
  })

  test('a master that is not ready is waited for', async () => {
    let tries = 0
    const good = answers.get('/agent/v1/enroll')
    answers.set('/agent/v1/enroll', () => ((tries += 1) < 3 ? { status: 503, body: { message: 'starting' } } : (good?.() ?? { status: 500, body: null })))
    expect((await enrol())?.agentId).toBe('a1')
    expect(tries).toBe(3)
  })

  test('a stop ends the waiting', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    expect(await enrol({ DROVER_MASTER_URL: 'https://127.0.0.1:1' }, stop.signal)).toBeNull()
  })

  test('no token, another agent\'s directory, a damaged file: each with its cure', async () => {
    await expect(enrol({ DROVER_JOIN_TOKEN: undefined })).rejects.toThrow(/set DROVER_JOIN_TOKEN/)
    await enrol()
    await expect(enrol({ DROVER_AGENT_ID: 'a2' })).rejects.toThrow(/holds the identity of agent a1, the settings say a2/)
    writeFileSync(join(dir, 'identity.json'), '{"agentId":')
    await expect(enrol()).rejects.toThrow(/is damaged: remove it/)
  })
})

describe('renewal', () => {
  test('is due at half life, and where the life cannot be read', () => {
    expect(lifeOf(jwt(100, 300))).toEqual({ issuedMs: 100_000, expiresMs: 300_000 })
    expect([199_999, 200_000].map((now) => isRenewalDue(jwt(100, 300), now))).toEqual([false, true])
    expect(isRenewalDue('nonsense', 0)).toBe(true)
  })

  test('uses the agent\'s own token, and is on disk when it resolves', async () => {
    const identity = await enrol()
    if (identity === null) throw new Error('not enrolled')
    answers.set('/agent/v1/renew', () => ({ status: 200, body: { v: 1, jwt: 'fresh', natsUrls: ['nats://other'] } }))
    const http = openMasterHttp(url, identity.ca)
    const renewed = await renewIdentity(identity, http, dir)
    http.close()
    expect(calls.at(-1)?.authorization).toBe('Bearer agent-token')
    expect(await readIdentity(dir)).toEqual({ ...renewed, jwt: 'fresh', natsUrls: ['nats://other'] })
  })
})

describe('blobs', () => {
  const digest = createHash('sha256').update('content').digest('hex')
  const fetch = async (body: string, maxBytes = 100) => {
    const ca = (await enrol())?.ca ?? ''
    answers.set(`/agent/v1/blobs/${digest}`, () => ({ status: 200, body: Buffer.from(body) }))
    const http = openMasterHttp(url, ca)
    try {
      return (await masterBlobs(http, () => 't').fetch(digest, maxBytes, new AbortController().signal)).toString()
    } finally {
      http.close()
    }
  }
  test('come back as they are', async () => expect(await fetch('content')).toBe('content'))
  test('bytes of another digest are refused for good', () => expect(fetch('contenT')).rejects.toBeInstanceOf(BlobError))
  test('too many bytes are cut off', () => expect(fetch('content', 3)).rejects.toThrow(/more than 3 bytes/))
})
