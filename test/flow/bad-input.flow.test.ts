import { readFileSync } from 'node:fs'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { createUser } from '@nats-io/nkeys'
import { connect, jwtAuthenticator } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, stateOf, submit, type Client } from '../rig/client.ts'
import { missingParts, PASSWORD, startStack, type Stack } from '../rig/stack.ts'

const missing = missingParts()
if (missing) process.stderr.write(`bad-input flow tests skipped: ${missing}\n`)

const IMAGE = process.env['DROVER_TEST_IMAGE'] ?? ''
const GOOD = { name: 'bad-input', entrypoint: 'true', environment: { image: IMAGE }, searcher: { name: 'single', metric: 'loss' }, max_restarts: 0 }
let stack: Stack

interface Refused { status: number; message: string }
async function refused(client: Client, path: string, body: unknown): Promise<Refused> {
  const response = await client.raw(path, { method: 'POST', body: JSON.stringify(body) })
  const answer = (await response.json()) as { message?: string; error?: { message?: string } }
  return { status: response.status, message: answer.message ?? answer.error?.message ?? '' }
}
const create = (config: unknown, extra: Record<string, unknown> = {}): Promise<Refused> => refused(stack.client, '/api/v1/experiments', { config: JSON.stringify(config), activate: true, ...extra })

async function tgz(entries: { name: string; type?: 'file' | 'symlink' | 'link' | 'character-device'; linkname?: string; body?: Buffer }[]): Promise<string> {
  const tar = pack()
  for (const { body, ...entry } of entries) tar.entry({ ...entry, size: body?.length ?? 0 }, body ?? Buffer.alloc(0))
  tar.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return gzipSync(Buffer.concat(chunks)).toString('base64')
}

describe.skipIf(missing !== null)('bad input', () => {
  beforeAll(async () => {
    stack = await startStack()
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
  }, 60_000)

  test('three mistakes in one configuration are all named', async () => {
    const answer = await create({ ...GOOD, max_restarts: -1, resources: { slots_per_trial: 'two' }, entrypont: 'x' })
    expect(answer.status).toBe(400)
    for (const path of ['max_restarts', 'resources.slots_per_trial', 'entrypont']) expect(answer.message).toContain(path)
    expect(answer.message).toContain('entrypoint')
  })

  test('an unknown pool is named with the pools there are', async () => {
    const answer = await create({ ...GOOD, resources: { resource_pool: 'defualt' } })
    expect(answer.status).toBe(400)
    expect(answer.message).toMatch(/defualt[\s\S]*default/)
  })

  test('a wrong password and an unknown user get the same words', async () => {
    const login = async (username: string): Promise<Refused> => refused({ ...stack.client, raw: (path, init) => fetch(stack.url + path, { ...init, headers: { 'content-type': 'application/json' } }) }, '/api/v1/auth/login', { username, password: 'wrong', isHashed: false })
    const [known, unknown] = [await login('admin'), await login('nobody-there')]
    expect(known.status).toBe(401)
    expect(known).toEqual(unknown)
  })

  test.each([
    ['..', [{ name: '../out.txt', body: Buffer.from('x') }], '..'],
    ['absolute path', [{ name: '/etc/out', body: Buffer.from('x') }], '/etc/out'],
    ['symbolic link', [{ name: 'link', type: 'symlink' as const, linkname: '/etc/passwd' }], 'link'],
    ['hard link', [{ name: 'a', body: Buffer.from('x') }, { name: 'hard', type: 'link' as const, linkname: 'a' }], 'hard'],
    ['device', [{ name: 'dev', type: 'character-device' as const }], 'dev'],
  ])('a model definition with a %s is refused and named', async (_name, entries, named) => {
    const answer = await create(GOOD, { contextTgz: await tgz(entries) })
    expect(answer.status).toBe(400)
    expect(answer.message).toContain(named)
  })

  test('a bomb is refused early', async () => {
    const before = residentMb(stack.master.pid)
    const answer = await create(GOOD, { contextTgz: await tgz([{ name: 'zeros', body: Buffer.alloc(700 << 20) }]) })
    expect([400, 413]).toContain(answer.status)
    expect(residentMb(stack.master.pid) - before).toBeLessThan(300)
  }, 60_000)

  test('a model definition over 95 MiB is refused with the limit', async () => {
    const answer = await create(GOOD, { contextTgz: await tgz([{ name: 'big', body: randomBytes(97 << 20) }]) })
    expect([400, 413]).toContain(answer.status)
    expect(answer.message).toMatch(/95/)
  }, 60_000)

  test('NUL in any string is refused by name, never a 500', async () => {
    for (const config of [{ ...GOOD, name: 'a\u0000b' }, { ...GOOD, hyperparameters: { 'k\u0000': 1 } }, { ...GOOD, entrypoint: ['a\u0000'] }]) expect((await create(config)).status).toBe(400)
    expect((await refused(stack.client, '/api/v1/experiments', { config: 'a\u0000', activate: true })).status).toBe(400)
    expect((await stack.client.raw('/api/v1/experiments?name=%00')).status).toBeLessThan(500)
  })

  test('without a token, or with a wrong one, nothing is answered', async () => {
    for (const path of ['/api/v1/experiments', '/api/v1/agents', '/api/v1/me', '/api/v1/trials/1', '/checkpoints/00000000-0000-4000-8000-000000000000']) {
      expect((await fetch(stack.url + path)).status).toBe(401)
      expect((await fetch(stack.url + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    }
  })

  test('NATS refuses who has no credential or a made-up one', async () => {
    await expect(connect({ servers: `127.0.0.1:${stack.natsPort}`, reconnect: false, timeout: 3_000 })).rejects.toThrow()
    const pair = createUser()
    const jwt = agentIdentity().jwt
    await expect(connect({ servers: `127.0.0.1:${stack.natsPort}`, reconnect: false, timeout: 3_000, authenticator: jwtAuthenticator(jwt, pair.getSeed()) })).rejects.toThrow()
  })

  test("an agent's credential opens only its own subjects", async () => {
    const { jwt, seed, agentId } = agentIdentity()
    const link = await connect({ servers: `127.0.0.1:${stack.natsPort}`, reconnect: false, inboxPrefix: `_INBOX_${agentId}`, authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)) })
    for (const subject of ['drover.v1.agent.other.hb', 'drover.v1.agent.other.evt', 'drover.v1.wake.schedule', `drover.v1.agent.${agentId}.cmd`, '$SYS.REQ.SERVER.PING']) {
      await expect(link.request(subject, '{}', { timeout: 1_000 }), subject).rejects.toThrow()
    }
    for (const subject of ['drover.v1.agent.other.cmd', 'drover.v1.>', '>', '_INBOX_master.>', 'drover.v1.agent.*.hb']) {
      const heard = link.subscribe(subject)
      const refusal = (async () => {
        for await (const _message of heard) return 'heard'
        return 'closed'
      })()
      await expect(Promise.race([refusal, new Promise((resolve) => setTimeout(() => resolve('silent'), 300))])).rejects.toThrow(/permissions/i)
    }
    await link.close()
  })

  test('malformed and huge messages on every subject change nothing and stop nobody', async () => {
    const { jwt, seed, agentId } = agentIdentity()
    const link = await connect({ servers: `127.0.0.1:${stack.natsPort}`, reconnect: false, inboxPrefix: `_INBOX_${agentId}`, authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)) })
    const bodies = ['', '{', 'null', '[]', '"x"', '{"v":2}', '{"v":1,"inc":-1}', `{"v":1,"inc":1,"events":[${'{},'.repeat(400)}{}]}`, '['.repeat(100_000), 'x'.repeat(1_000_000), JSON.stringify({ v: 1, inc: 1, events: [{ seq: 1, kind: 'note', t: 1, alloc: 'a.1', level: 'INFO', text: 'a\u0000b' }] })]
    for (const family of ['hb', 'evt', 'log.trial-1__1', 'log.x', 'log.trial-1__999999999']) {
      for (const body of [...bodies, randomBytes(64).toString('latin1')]) {
        await link.request(`drover.v1.agent.${agentId}.${family}`, body, { timeout: 2_000 }).catch(() => 'no answer is an answer too')
      }
    }
    await link.close()
    expect((await fetch(`${stack.url}/health`)).status).toBe(200)
    const id = await submit(stack.client, GOOD, { 'a.txt': 'a' })
    await ends(stack.client, id, 'COMPLETED')
    expect(await stateOf(stack.client, id)).toBe('COMPLETED')
  }, 240_000)

  test('a wrong join token enrols nobody', async () => {
    const response = await fetchInsecure(`${stack.agentUrl}/agent/v1/enroll`, { v: 1, joinToken: 'wrong-secret', agentId: 'intruder', publicKey: createUser().getPublicKey(), pool: 'default', hostname: 'x', version: '0' })
    expect(response.status).toBe(401)
    const { agents } = await stack.client.get<{ agents: { id: string }[] }>('/api/v1/agents')
    expect(agents.map((agent) => agent.id)).not.toContain('intruder')
  })

  test('the password is kept nowhere in the clear', async () => {
    expect(createHash('sha256').update(PASSWORD).digest('hex')).toHaveLength(64)
    for (const log of ['master.log', 'agent.log']) expect(readFileSync(join(stack.dir, log), 'utf8')).not.toContain(PASSWORD)
  })
})

interface StoredIdentity { jwt: string; seed: string; agentId: string }
function agentIdentity(): StoredIdentity {
  return JSON.parse(readFileSync(join(stack.dir, 'agent/identity.json'), 'utf8')) as StoredIdentity
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

async function fetchInsecure(url: string, body: unknown): Promise<{ status: number }> {
  const { request } = await import('node:https')
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json' } }, (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0 })
    })
    call.on('error', reject)
    call.end(JSON.stringify(body))
  })
}
