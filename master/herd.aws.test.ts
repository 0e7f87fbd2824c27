import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { DescribeImagesCommand, DescribeInstanceAttributeCommand, DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { createUser } from '@nats-io/nkeys'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openLink, type Link } from '../protocol/link.ts'
import type { EnrollReply } from '../protocol/wire/enroll.ts'
import type { Heartbeat, HeartbeatReply, Inventory } from '../protocol/wire/heartbeat.ts'
import { eventSubject, heartbeatSubject, inboxPrefix } from '../protocol/wire/subjects.ts'
import type { ApiDeps } from './api/deps.ts'
import { createApi } from './api/server.ts'
import { runMaster } from './compose.ts'
import { readConfig } from './config.ts'
import { loadAuthority } from './identity/authority.ts'
import { freePort, NATS_SERVER, openNatsRig, type NatsRig } from './identity/nats-rig.ts'
import { drained, exit, experimentConfig, hash, inventory, numbered, quietLog, state } from './loops/rig.ts'
import type { People } from './people.ts'
import { freshDb, PG_ADMIN_URL, type FreshDb } from './store/fresh-db.ts'
import { listInstances } from './store/queries/herd.ts'
import { hashToken } from './store/secrets.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
if (endpoint === '') console.warn('herd.aws.test.ts skipped: DROVER_TEST_AWS_ENDPOINT is not set')

/** The whole master on real NATS and Postgres and on EC2 by moto; the agent's part is played by hand. */
describe.skipIf(endpoint === '' || !PG_ADMIN_URL || !NATS_SERVER)('an instance, from a waiting allocation to its end', () => {
  const admin = new EC2Client({ endpoint, region: 'us-east-1' })
  const stop = new AbortController()
  const pair = createUser()
  let nats: NatsRig
  let fresh: FreshDb
  let master: Promise<void>
  let deps: ApiDeps
  let api: FastifyInstance
  let agentUrl = ''
  let ca = ''
  let link: Link | undefined
  const people: People = {
    async createApi(given) {
      deps = given
      api = await createApi(given)
      return api
    },
    async ensureFirstUsers(db) {
      await db.insertInto('users').values({ id: 1, username: 'ann', display_name: null, password_hash: 'x' }).execute()
      await db.insertInto('tokens').values({ hash: hashToken('session-of-ann'), kind: 'session', user_id: 1, allocation_id: null, agent_id: null, expires_at: new Date(Date.now() + 3_600_000) }).execute()
    },
  }

  beforeAll(async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', endpoint)
    const images = (await admin.send(new DescribeImagesCommand({ Owners: ['amazon'] }))).Images ?? []
    nats = await openNatsRig()
    fresh = await freshDb()
    const port = await freePort()
    agentUrl = `https://127.0.0.1:${port}`
    const prices = join(nats.stateDir, 'prices.json')
    await writeFile(prices, JSON.stringify({ 'us-east-1': { 'g5.xlarge': 1.006 } }))
    const yaml = JSON.stringify({
      log: { level: 'error' }, herd: { ec2_list_period: '2s', launch_call_period: '200ms', price_file: prices }, default_compute_resource_pool: 'gpu', default_aux_resource_pool: 'gpu',
      resource_pools: [{ pool_name: 'gpu', provider: {
        type: 'aws', region: 'us-east-1', instance_type: 'g5.xlarge', image_id: images.find((image) => image.RootDeviceType === 'ebs')?.ImageId, max_instances: 2, max_idle_agent_period: '1s',
        startup_script: 'echo hello', master_url: 'https://master.example:8443',
      } }],
    })
    const config = readConfig(yaml, {
      DROVER_LISTEN: '127.0.0.1:0', DROVER_AGENT_LISTEN: `127.0.0.1:${port}`, DROVER_STATE_DIR: nats.stateDir, DROVER_DB_URL: fresh.url, DROVER_NATS_URL: nats.url, DROVER_BUCKET: `file://${nats.stateDir}/bucket`,
    }, process.pid)
    master = runMaster(config, stop.signal, people)
    ca = (await loadAuthority(nats.stateDir, Date.now())).cert
    await until(async () => (await post('/agent/v1/renew', {})).status === 401)
  })
  afterAll(async () => {
    await link?.close()
    stop.abort()
    await master
    await fresh.drop()
    await nats.stop()
    admin.destroy()
    vi.unstubAllEnvs()
  })

  function post(path: string, body: unknown): Promise<{ status: number; text: string }> {
    return new Promise((resolve) => {
      const sent = request(`${agentUrl}${path}`, { method: 'POST', ca, agent: false, headers: { 'content-type': 'application/json' } }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }))
      })
      sent.on('error', (error) => resolve({ status: 0, text: error.message }))
      sent.end(JSON.stringify(body))
    })
  }
  async function until(done: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 400; tries += 1) {
      if (await done()) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`it did not come about in 20 s; events: ${JSON.stringify(await fresh.db.selectFrom('events').select('text').execute())}`)
  }
  /** What people see at that moment. */
  const seen = async (path: string) => (await api.inject({ url: `/api/v1/${path}`, headers: { authorization: 'Bearer session-of-ann' } })).json()
  const instance = async () => (await listInstances(fresh.db, { pool: 'gpu', includeGone: true, limit: 10, offset: 0 })).instances[0]

  test('launched, enrolled by its own token alone, ready, at work, idle, drained, gone', async () => {
    const { trialId } = await deps.commands.createExperiment({ config: experimentConfig({ resources: { slots_per_trial: 1, resource_pool: 'gpu', priority: null, shm_size: null } }), originalConfig: '', context: null, ownerId: 1, projectId: 1, parentId: null, activate: true })
    const alloc = `trial-${trialId}.1`
    await until(async () => (await instance())?.state === 'STARTING')
    const id = (await instance())?.id ?? ''
    await vi.waitFor(async () => expect(await seen('drover/why/experiments/1')).toMatchObject({ summary: expect.stringContaining(`experiment 1 is QUEUED: waits for ${id} (g5.xlarge, us-east-1`), starting: [{ id, state: 'STARTING' }], launches: [{ state: 'DONE', instances: [id] }], pool: { note: expect.stringContaining('1 instance is starting') } }), { timeout: 10_000 })
    expect((await seen('drover/pools')).pools).toMatchObject([{ name: 'gpu', count: 1, instances: { STARTING: 1 }, waiting: [{ allocation: alloc }], cure: '' }])
    const [made] = (await admin.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations?.[0]?.Instances ?? []
    expect(made?.Tags).toEqual(expect.arrayContaining([{ Key: 'drover:cluster', Value: deps.clusterId }, { Key: 'drover:pool', Value: 'gpu' }]))

    const { UserData } = await admin.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: 'userData' }))
    const document = Buffer.from(UserData?.Value ?? '', 'base64').toString()
    expect(document).toMatch(/^#drover\nDROVER_MASTER_URL=https:\/\/master.example:8443\nDROVER_JOIN_TOKEN=[\w-]{43}\.[0-9a-f]{64}\nDROVER_POOL=gpu\nDROVER_STARTUP_SCRIPT=ZWNobyBoZWxsbw==\n$/)
    const joinToken = /DROVER_JOIN_TOKEN=([\w-]+)\./.exec(document)?.[1] ?? ''
    const enroll = (agentId: string) => post('/agent/v1/enroll', { v: 1, joinToken, agentId, publicKey: pair.getPublicKey(), pool: 'gpu', hostname: 'h', version: '1' })
    expect(await enroll('i-of-somebody-else')).toMatchObject({ status: 401, text: expect.stringContaining('none of them') })
    const enrolled = JSON.parse((await enroll(id)).text) as EnrollReply
    const open = await openLink({ urls: enrolled.natsUrls, name: id, inboxPrefix: inboxPrefix(id), log: quietLog, credentials: () => ({ jwt: enrolled.jwt, seed: new TextDecoder().decode(pair.getSeed()) }) })
    link = open
    const known: Inventory = { ...inventory(1), instanceId: id }
    const beat = async (over: Partial<Heartbeat> = {}): Promise<HeartbeatReply> =>
      (await open.request(heartbeatSubject(id), JSON.stringify({ v: 1, inc: 1, store: null, have: 0, inventoryHash: hash(1), outbox: 0, ...over }), { timeout: 4_000 })).json()
    await until(async () => (await beat({ inventory: known })).kind === 'desired' && (await instance())?.live.some((one) => one.id === alloc) === true)
    await until(async () => (await instance())?.state === 'READY')
    expect((await seen(`drover/why/instances/${id}`)).summary).toContain(`is READY: it holds ${alloc} of experiment 1`)

    const events = numbered(1, [state(alloc, 'RUNNING'), exit(alloc, 'completed'), drained(alloc)])
    expect((await open.request(eventSubject(id), JSON.stringify({ v: 1, inc: 1, events }), { timeout: 4_000 })).json()).toMatchObject({ ok: true })
    await until(async () => {
      const reply = await beat()
      return reply.kind === 'desired' && reply.retire !== undefined
    })
    expect((await instance())?.state).toMatch(/^(RETIRING|TERMINATING)$/)
    await beat({ drained: true })
    await until(async () => (await instance())?.state === 'GONE')
    const [gone] = (await admin.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations?.[0]?.Instances ?? []
    expect(['shutting-down', 'terminated']).toContain(gone?.State?.Name)
    expect((await seen(`drover/instances/${id}`)).events.map((event: { kind: string }) => event.kind)).toEqual(expect.arrayContaining(['launch-done', 'instance-ready', 'instance-retiring', 'instance-terminating', 'instance-gone']))
    expect((await seen('experiments/1')).experiment.drover.cost).toEqual({ total: expect.any(Number), useful: expect.any(Number), boot: expect.any(Number), idle: expect.any(Number), lost: 0 })
    expect((await enroll(id)).status).toBe(401)
    expect(await fresh.db.selectFrom('launches').select('state').execute()).toEqual([{ state: 'DONE' }])
  })
})
