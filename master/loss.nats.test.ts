import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBucket } from '../protocol/bucket/open.ts'
import { realClock } from '../protocol/kit/clock.ts'
import { openLink, type Link } from '../protocol/link.ts'
import type { HeartbeatReply, Held } from '../protocol/wire/heartbeat.ts'
import { heartbeatSubject, inboxPrefix } from '../protocol/wire/subjects.ts'
import type { ApiDeps } from './api/deps.ts'
import { runMaster } from './compose.ts'
import { readConfig } from './config.ts'
import { agentJwt } from './identity/nats-users.ts'
import { freePort, NATS_SERVER, openNatsRig, type NatsRig } from './identity/nats-rig.ts'
import { upload } from './loops/loss-rig.ts'
import { experimentConfig, hash, inventory, quietLog } from './loops/rig.ts'
import { freshDb, PG_ADMIN_URL, type FreshDb } from './store/fresh-db.ts'

const LOST_MS = 5_000

/** The whole master on real NATS and Postgres; two agents are played by hand, one of which falls silent. */
describe.skipIf(!PG_ADMIN_URL || !NATS_SERVER)('an agent is lost', () => {
  const stop = new AbortController()
  const links = new Map<string, Link>()
  const beating = new Set<string>()
  let nats: NatsRig
  let fresh: FreshDb
  let master: Promise<void>
  let deps: ApiDeps
  let pulse: Promise<void>

  beforeAll(async () => {
    nats = await openNatsRig()
    fresh = await freshDb()
    const config = readConfig('log: {level: error}', {
      DROVER_LISTEN: '127.0.0.1:0', DROVER_AGENT_LISTEN: `127.0.0.1:${await freePort()}`, DROVER_STATE_DIR: nats.stateDir, DROVER_DB_URL: fresh.url, DROVER_NATS_URL: nats.url, DROVER_BUCKET: `file://${nats.stateDir}/bucket`,
    }, process.pid)
    master = runMaster({ ...config, herd: { ...config.herd, lostMs: LOST_MS } }, stop.signal, {
      createApi(given) { deps = given; return Promise.resolve(Fastify()) },
      async ensureFirstUsers(db) { await db.insertInto('users').values({ id: 1, username: 'ann', display_name: null, password_hash: 'x' }).execute() },
    })
    await until(() => deps?.ready() ?? false)
    for (const id of ['a1', 'a2']) await join(id)
    pulse = beatOn()
  }, 30_000)
  afterAll(async () => {
    stop.abort()
    await pulse
    for (const link of links.values()) await link.close()
    await master
    await fresh.drop()
    await nats.stop()
  }, 30_000)

  async function join(id: string): Promise<void> {
    const pair = createUser()
    await fresh.db.insertInto('agents').values({ id, pool: 'default', hostname: 'h', public_key: pair.getPublicKey(), version: '0', disabled_slots: '[]' }).execute()
    const jwt = await agentJwt(nats.keys, id, pair.getPublicKey(), Date.now())
    links.set(id, await openLink({ urls: [nats.url], name: id, inboxPrefix: inboxPrefix(id), log: quietLog, credentials: () => ({ jwt, seed: new TextDecoder().decode(pair.getSeed()) }) }))
    await beat(id)
    beating.add(id)
  }
  async function beat(id: string, held: Held[] = []): Promise<HeartbeatReply> {
    const message = { v: 1, inc: 1, store: null, have: 0, inventoryHash: hash(held.length + 1), outbox: 0, inventory: inventory(1, held) }
    return (await links.get(id)?.request(heartbeatSubject(id), JSON.stringify(message), { timeout: 1_000 }))?.json() as HeartbeatReply
  }
  /** A beat each half second of everybody who is not silent; while NATS is away it is tried again. */
  async function beatOn(): Promise<void> {
    for (; !stop.signal.aborted; await realClock.sleep(500, stop.signal)) {
      for (const id of beating) await beat(id).catch((error: unknown) => quietLog.debug({ err: error }, 'NATS is away'))
    }
  }
  const allocations = () => fresh.db.selectFrom('allocations').select(['id', 'state', 'exit_kind']).orderBy('epoch').execute()
  const lost = async (): Promise<string[]> => (await fresh.db.selectFrom('agents').select('id').where('lost_at', 'is not', null).execute()).map((row) => row.id)

  test('silent: lost, its unreported checkpoint adopted, the next attempt on the other agent resumes from it; back again it discards', async () => {
    const { trialId, experimentId } = await deps.commands.createExperiment({ config: experimentConfig(), originalConfig: '', context: null, ownerId: 1, projectId: 1, parentId: null, activate: true })
    const alloc = `trial-${trialId}.1`
    await until(async () => (await allocations())[0]?.state === 'ASSIGNED')
    expect((await beat('a1')).kind).toBe('desired')
    const bucket = openBucket({ type: 'directory', path: `${nats.stateDir}/bucket` }, { log: quietLog, clock: realClock, random: Math.random })
    const uuid = randomUUID()
    await upload(bucket, `${deps.clusterId}/experiments/${experimentId}-fashion-mnist/trials/${trialId}`, { uuid, alloc, epoch: 1, ordinal: 1, steps: 40 })
    beating.delete('a1')
    await until(async () => (await allocations())[1]?.state === 'ASSIGNED', 30_000)
    expect(await allocations()).toEqual([{ id: alloc, state: 'SEALED', exit_kind: 'lost' }, { id: `trial-${trialId}.2`, state: 'ASSIGNED', exit_kind: null }])
    const next = await fresh.db.selectFrom('allocation_members as m').innerJoin('blobs as b', 'b.digest', 'm.spec_digest').select(['m.agent_id', 'b.bytes']).where('m.allocation_id', '=', `trial-${trialId}.2`).executeTakeFirstOrThrow()
    expect(next.agent_id).toBe('a2')
    expect(JSON.parse(next.bytes.toString())).toMatchObject({ restore: { uuid, steps: 40 } })
    expect(await lost()).toEqual(['a1'])
    expect(await beat('a1', [{ alloc, state: 'RUNNING' }])).toMatchObject({ kind: 'desired', desired: [{ alloc, want: 'discard' }] })
    beating.add('a1')
    await until(async () => (await lost()).length === 0)
  }, 60_000)

  test('NATS away for longer than an agent may be silent: the master was deaf itself, nobody is lost', async () => {
    await nats.kill()
    await realClock.sleep(LOST_MS + 2_000, stop.signal)
    await nats.start()
    await until(async () => (await beat('a2').catch(() => null)) !== null, 15_000)
    await realClock.sleep(1_500, stop.signal)
    expect(await lost()).toEqual([])
    expect((await allocations()).map((row) => row.state)).toEqual(['SEALED', 'ASSIGNED'])
  }, 60_000)
})

async function until(holds: () => boolean | Promise<boolean>, ms = 8_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it never came to hold')
}
