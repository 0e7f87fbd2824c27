import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import Fastify from 'fastify'
import { createUser } from '@nats-io/nkeys'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBucket } from '../protocol/bucket/open.ts'
import { manifestKey } from '../protocol/bucket/layout.ts'
import { realClock } from '../protocol/kit/clock.ts'
import { openLink, type Link } from '../protocol/link.ts'
import type { EnrollReply } from '../protocol/wire/enroll.ts'
import type { NewAgentEvent } from '../protocol/wire/events.ts'
import type { HeartbeatReply } from '../protocol/wire/heartbeat.ts'
import { eventSubject, heartbeatSubject, inboxPrefix, logSubject, pokeSubject } from '../protocol/wire/subjects.ts'
import { runMaster } from './compose.ts'
import { readConfig } from './config.ts'
import { joinToken } from './identity/join-token.ts'
import { freePort, NATS_SERVER, openNatsRig, type NatsRig } from './identity/nats-rig.ts'
import { at, drained, exit, experimentConfig, hash, inventory, numbered, quietLog, state } from './loops/rig.ts'
import type { ApiDeps } from './api/deps.ts'
import type { People } from './people.ts'
import { freshDb, PG_ADMIN_URL, type FreshDb } from './store/fresh-db.ts'

const CLOSING = { timeout: 4_000 }

/** The whole master on real NATS and Postgres; the agent's part is played by hand over HTTPS and NATS. */
describe.skipIf(!PG_ADMIN_URL || !NATS_SERVER)('the walk, seen from an agent', () => {
  let nats: NatsRig
  let fresh: FreshDb
  let stop: AbortController
  let master: Promise<void>
  let deps: ApiDeps
  let agentUrl = ''
  let ca = ''
  let enrolled: EnrollReply
  let link: Link
  const pair = createUser()

  const people: People = {
    async createApi(given) {
      deps = given
      const app = Fastify()
      app.get('/api/v1/echo', (request_) => ({ authorization: request_.headers.authorization }))
      return app
    },
    async ensureFirstUsers(db) {
      await db.insertInto('users').values({ id: 1, username: 'ann', display_name: null, password_hash: 'x' }).onConflict((c) => c.doNothing()).execute()
    },
  }

  async function start(): Promise<void> {
    const port = await freePort()
    agentUrl = `https://127.0.0.1:${port}`
    const config = readConfig('log: {level: error}', {
      DROVER_LISTEN: '127.0.0.1:0', DROVER_AGENT_LISTEN: `127.0.0.1:${port}`, DROVER_STATE_DIR: nats.stateDir, DROVER_DB_URL: fresh.url, DROVER_NATS_URL: nats.url, DROVER_BUCKET: `file://${nats.stateDir}/bucket`,
    }, process.pid)
    stop = new AbortController()
    master = runMaster(config, stop.signal, people)
    await until(async () => (await call('GET', '/agent/v1/ca', null, null)).status === 200)
    await until(() => deps.ready())
  }

  beforeAll(async () => {
    nats = await openNatsRig()
    fresh = await freshDb()
    await start()
  }, 30_000)
  afterAll(async () => {
    await link.close()
    stop.abort()
    await master
    await fresh.drop()
    await nats.stop()
  }, 30_000)

  function call(method: string, path: string, body: unknown, bearer: string | null): Promise<{ status: number; body: Buffer; error?: string }> {
    return new Promise((resolve) => {
      const sent = request(`${agentUrl}${path}`, { method, ...(ca === '' ? { rejectUnauthorized: false } : { ca }), agent: false, headers: { ...(body === null ? {} : { 'content-type': 'application/json' }), ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) } }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }))
      })
      sent.on('error', (error) => resolve({ status: 0, body: Buffer.alloc(0), error: error.message }))
      sent.end(body === null ? undefined : JSON.stringify(body))
    })
  }
  async function ask<T>(subject: string, value: unknown): Promise<T> {
    return (await link.request(subject, JSON.stringify(value), CLOSING)).json()
  }
  const beat = (have: number, over: object = {}): Promise<HeartbeatReply> => ask(heartbeatSubject('a1'), { v: 1, inc: 1, store: null, have, inventoryHash: hash(2), outbox: 0, ...over })
  let seq = 0
  async function report(...events: NewAgentEvent[]): Promise<void> {
    const batch = { v: 1, inc: 1, events: numbered(seq + 1, events) }
    seq += events.length
    expect(await ask(eventSubject('a1'), batch)).toMatchObject({ ok: true, applied: seq })
  }

  test('enrols with the pinned CA; a wrong token, a wrong pool and another key are refused with the cure', async () => {
    ca = (await call('GET', '/agent/v1/ca', null, null)).body.toString()
    const [secret = '', fingerprint] = (await joinToken(nats.stateDir, Date.now())).split('.')
    expect(createHash('sha256').update(Buffer.from(ca.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')).digest('hex')).toBe(fingerprint)
    const body = { v: 1, joinToken: secret, agentId: 'a1', publicKey: pair.getPublicKey(), pool: 'default', hostname: 'h', version: '1' }
    const enroll = async (over: object): Promise<{ status: number; text: string }> => {
      const answer = await call('POST', '/agent/v1/enroll', { ...body, ...over }, null)
      return { status: answer.status, text: answer.body.toString() }
    }
    expect(await enroll({ joinToken: 'nope' })).toMatchObject({ status: 401, text: expect.stringContaining('drover-master join-token') })
    expect(await enroll({ pool: 'nope' })).toMatchObject({ status: 422, text: expect.stringContaining('DROVER_POOL') })
    expect(await enroll({ agentId: 'a.b' })).toMatchObject({ status: 422, text: expect.stringContaining('agentId') })
    await enroll({})
    enrolled = JSON.parse((await enroll({})).text) as EnrollReply
    expect(enrolled).toMatchObject({ agentId: 'a1', clusterId: deps.clusterId, natsUrls: [nats.url] })
    expect(await enroll({ publicKey: createUser().getPublicKey() })).toMatchObject({ status: 409, text: expect.stringContaining('DROVER_AGENT_ID') })
    expect((await call('POST', '/agent/v1/renew', {}, enrolled.agentToken)).status).toBe(200)
    expect((await call('POST', '/agent/v1/renew', {}, 'x'.repeat(43))).status).toBe(401)
    link = await openLink({ urls: enrolled.natsUrls, name: 'a1', inboxPrefix: inboxPrefix('a1'), log: quietLog, credentials: () => ({ jwt: enrolled.jwt, seed: new TextDecoder().decode(pair.getSeed()) }) })
  })

  test('what a container asks goes on to the people\'s API', async () => {
    const answer = await call('GET', '/api/v1/echo', null, 'alloc-token')
    expect(JSON.parse(answer.body.toString())).toEqual({ authorization: 'Bearer alloc-token' })
  })

  test('malformed, huge and misdirected messages get an error or nothing, and harm nobody', async () => {
    for (const bad of ['', '{', '[]', '{"v":1}', `{"v":1,"x":"${'y'.repeat(900_000)}"}`, '\u0000', 'null']) {
      expect((await link.request(heartbeatSubject('a1'), bad, CLOSING)).json()).toMatchObject({ kind: 'refused' })
      expect((await link.request(eventSubject('a1'), bad, CLOSING)).json()).toMatchObject({ ok: false })
      expect((await link.request(logSubject('a1', 'trial-1.1'), bad, CLOSING)).json()).toMatchObject({ ok: false })
    }
    const heard: string[] = []
    const other = link.subscribe(pokeSubject('a1'), { callback: (_error, message) => void heard.push(message.string()) })
    await link.flush()
    link.publish(heartbeatSubject('a1'), JSON.stringify({ v: 1, inc: 1, store: null, have: 0, inventoryHash: hash(1), outbox: 0 }), { reply: pokeSubject('a1') })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(heard.filter((text) => text !== '')).toEqual([])
    other.unsubscribe()
  })

  test('submit -> assigned by poke and heartbeat -> spec by digest -> logs, metrics, checkpoint -> COMPLETED', async () => {
    expect(await beat(0)).toMatchObject({ needInventory: true })
    await beat(0, { inventory: inventory(2) })
    const pokes: string[] = []
    const poke = link.subscribe(pokeSubject('a1'), { callback: (_error, message) => void pokes.push(message.string()) })
    await link.flush()
    const { experimentId, trialId } = await deps.commands.createExperiment({ config: experimentConfig(), originalConfig: '', context: Buffer.from('tar'), ownerId: 1, projectId: 1, parentId: null, activate: true })
    const alloc = `trial-${trialId}.1`
    await until(() => pokes.length > 0)
    expect(pokes).toEqual([''])
    const reply = await beat(1)
    if (reply.kind !== 'desired') throw new Error('nothing is desired')
    const wish = reply.desired[0]
    expect(wish).toMatchObject({ alloc, want: 'run' })
    const blob = await call('GET', `/agent/v1/blobs/${wish?.spec}`, null, enrolled.agentToken)
    expect(createHash('sha256').update(blob.body).digest('hex')).toBe(wish?.spec)
    const spec = JSON.parse(blob.body.toString()) as { context: string; root: string; token: string }
    expect((await call('GET', `/agent/v1/blobs/${spec.context}`, null, enrolled.agentToken)).body.toString()).toBe('tar')
    expect((await call('GET', `/agent/v1/blobs/${hash(3)}`, null, enrolled.agentToken)).status).toBe(404)

    await report(state(alloc, 'PULLING'), state(alloc, 'RUNNING'), { kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: 5, t: at, values: { loss: 0.5 } }] })
    expect(await ask(logSubject('a1', alloc), { v: 1, rank: 0, containerId: 'c1', from: 0, to: 9, lines: [{ t: at, std: 'stdout', text: 'INFO: hello' }] })).toEqual({ v: 1, ok: true, cursor: 9 })
    const uuid = '11111111-2222-4333-8444-555555555555'
    const uploaded = await uploadCheckpoint(spec.root, alloc, uuid)
    await report({ kind: 'checkpoint-declared', t: at, alloc, uuid, ordinal: 1, steps: 5 }, exit(alloc, 'completed', 'exit code 0'), drained(alloc), uploaded)
    await until(async () => (await deps.db.selectFrom('experiments').select('state').where('id', '=', experimentId).executeTakeFirstOrThrow()).state === 'COMPLETED')
    const checkpoint = await deps.db.selectFrom('checkpoints').select(['state', 'pointer_written', 'prefix']).executeTakeFirstOrThrow()
    expect(checkpoint).toMatchObject({ state: 'COMPLETED', pointer_written: true })
    expect((await readdir(join(nats.stateDir, 'bucket', spec.root, 'checkpoints'))).sort()).toEqual([`000000000005-${uuid}.json`, 'e1-1'])
    expect(JSON.parse(await readFile(join(nats.stateDir, 'bucket', deps.clusterId, 'cluster.json'), 'utf8'))).toMatchObject({ clusterId: deps.clusterId })
    expect(await beat(99)).toMatchObject({ kind: 'desired', desired: [] })
    poke.unsubscribe()
  }, 20_000)

  test('NATS goes and comes back; another master takes over the same state; nothing is lost or doubled', async () => {
    const { experimentId, trialId } = await deps.commands.createExperiment({ config: experimentConfig(), originalConfig: '', context: null, ownerId: 1, projectId: 1, parentId: null, activate: true })
    const alloc = `trial-${trialId}.1`
    await until(async () => (await deps.db.selectFrom('allocations').select('state').where('id', '=', alloc).executeTakeFirstOrThrow()).state === 'ASSIGNED')
    await nats.kill()
    await until(() => !deps.ready())
    await nats.start()
    await until(() => deps.ready(), 15_000)
    await until(async () => (await beat(0).catch(() => null)) !== null, 15_000)
    await report(state(alloc, 'RUNNING'))
    stop.abort()
    await master
    await start()
    await until(async () => (await beat(0).catch(() => null)) !== null, 15_000)
    const again = await ask(eventSubject('a1'), { v: 1, inc: 1, events: numbered(seq, [state(alloc, 'RUNNING')]) })
    expect(again).toMatchObject({ ok: true, applied: seq })
    await report(exit(alloc, 'completed'), drained(alloc))
    await until(async () => (await deps.db.selectFrom('experiments').select('state').where('id', '=', experimentId).executeTakeFirstOrThrow()).state === 'COMPLETED')
    expect(await deps.db.selectFrom('allocations').select('id').where('task_id', '=', `trial-${trialId}`).execute()).toEqual([{ id: alloc }])
  }, 60_000)

  test('Postgres cuts every connection, again and again: nothing is lost, the master goes on', async () => {
    const admin = new pg.Client({ connectionString: PG_ADMIN_URL })
    await admin.connect()
    const enough = new AbortController()
    const cut = (async () => {
      for (; !enough.signal.aborted; await new Promise((resolve) => setTimeout(resolve, 20))) {
        await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [new URL(fresh.url).pathname.slice(1)])
      }
    })()
    const { trialId } = await retried(() => deps.commands.createExperiment({ config: experimentConfig(), originalConfig: '', context: null, ownerId: 1, projectId: 1, parentId: null, activate: true }))
    const alloc = `trial-${trialId}.1`
    const batch = { v: 1, inc: 1, events: numbered(seq + 1, [exit(alloc, 'completed'), drained(alloc)]) }
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    enough.abort()
    await cut
    await admin.end()
    const stateOf = async (table: 'allocations' | 'trials', column: 'id' | 'task_id', id: string): Promise<string | undefined> =>
      (await retried(() => deps.db.selectFrom(table).select('state').where(column as 'id', '=', id as never).executeTakeFirst()))?.state
    await until(async () => (await stateOf('allocations', 'id', alloc)) === 'ASSIGNED', 15_000)
    seq += 2
    expect(await ask(eventSubject('a1'), batch)).toMatchObject({ ok: true, applied: seq })
    await until(async () => (await stateOf('trials', 'task_id', `trial-${trialId}`)) === 'COMPLETED')
    await until(() => deps.ready())
  }, 40_000)

  async function uploadCheckpoint(root: string, alloc: string, uuid: string): Promise<NewAgentEvent> {
    const signal = new AbortController().signal
    const bucket = openBucket({ type: 'directory', path: join(nats.stateDir, 'bucket') }, { log: quietLog, clock: realClock, random: Math.random })
    const prefix = `${root}/checkpoints/e1-1/${uuid}`
    const file = Buffer.from('weights')
    await bucket.putBytes(`${prefix}/w`, file, { signal, create: true })
    const files = [{ name: 'w', size: file.length, sha256: createHash('sha256').update(file).digest('hex'), mode: 0o644 }]
    const manifest = Buffer.from(JSON.stringify({ format: 'drover-manifest/1', uuid, alloc, epoch: 1, ordinal: 1, steps: 5, parent: null, createdAt: '2026', metadata: {}, files }))
    await bucket.putBytes(manifestKey(prefix), manifest, { signal, create: true })
    return { kind: 'checkpoint-uploaded', t: at, alloc, uuid, ordinal: 1, steps: 5, manifest: createHash('sha256').update(manifest).digest('hex'), files: 1, bytes: file.length, metadata: {} }
  }
})

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await work()
    } catch (error) {
      if (tried > 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function until(holds: () => boolean | Promise<boolean>, ms = 8_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it never came to hold')
}
