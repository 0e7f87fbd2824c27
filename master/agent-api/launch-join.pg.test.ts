import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { EnrollRequest } from '../../protocol/wire/enroll.ts'
import { joinTokenHash } from '../identity/join-token.ts'
import { freshDb, PG_ADMIN_URL, type FreshDb } from '../store/fresh-db.ts'
import { enrollAgent, type Enrolled } from './enroll.ts'

describe.skipIf(!PG_ADMIN_URL)('enrolment by the join token of a launch', () => {
  let fresh: FreshDb
  beforeAll(async () => { fresh = await freshDb() })
  afterAll(async () => fresh.drop())
  beforeEach(async () => {
    for (const table of ['join_tokens', 'instances', 'launches', 'agents', 'tokens', 'events'] as const) await fresh.db.deleteFrom(table).execute()
    await fresh.db.insertInto('launches').values({ id: 'l1', pool: 'gpu', type: 't', zone: 'z', subnet: null, market: 'spot', gang: false, count: 1, slots: 1, per_hour: null, state: 'LAUNCHING', error_kind: null }).execute()
    await fresh.db.insertInto('join_tokens').values([{ hash: joinTokenHash('of-launch'), launch_id: 'l1', expires_at: new Date(Date.now() + 60_000) }, { hash: joinTokenHash('plain'), launch_id: null }]).execute()
  })

  const enroll = (agentId: string, over: Partial<EnrollRequest> = {}): Promise<Enrolled> =>
    enrollAgent(fresh.db, { v: 1, joinToken: 'of-launch', agentId, publicKey: `U${'A'.repeat(55)}`, pool: 'gpu', hostname: 'h', version: '0', ...over }, ['default', 'gpu'])
  async function made(id: string, state: 'STARTING' | 'READY' | 'RETIRING' | 'TERMINATING' | 'GONE' = 'STARTING'): Promise<void> {
    await fresh.db.insertInto('instances').values({ id, launch_id: 'l1', pool: 'gpu', type: 't', zone: 'z', market: 'spot', slots: 1, per_hour: null, state, launched_at: new Date(), notice: null }).execute()
  }
  const settle = (state: 'DONE' | 'FAILED') => fresh.db.updateTable('launches').set({ state }).execute()

  test('an instance of the launch, again by the same key, never by another', async () => {
    await made('i-1')
    await settle('DONE')
    expect(await enroll('i-1')).toMatchObject({ ok: true })
    expect(await enroll('i-1')).toMatchObject({ ok: true })
    expect(await enroll('i-1', { publicKey: `U${'B'.repeat(55)}` })).toMatchObject({ ok: false, status: 409 })
    expect(await fresh.db.selectFrom('agents').select(['id', 'pool']).execute()).toEqual([{ id: 'i-1', pool: 'gpu' }])
  })

  test('before EC2 has told of it: come again', async () => {
    expect(await enroll('i-1')).toMatchObject({ ok: false, status: 503, error: expect.stringContaining('try again') })
    await settle('DONE')
    expect(await enroll('i-1')).toMatchObject({ ok: false, status: 503 })
    expect(await fresh.db.selectFrom('agents').selectAll().execute()).toEqual([])
  })

  test('whoever is none of its instances, and after the launch was given up: refused', async () => {
    await made('i-1')
    await settle('DONE')
    expect(await enroll('i-2')).toMatchObject({ ok: false, status: 401, error: expect.stringContaining('none of them') })
    await fresh.db.deleteFrom('instances').execute()
    await settle('FAILED')
    expect(await enroll('i-1')).toMatchObject({ ok: false, status: 401, error: expect.stringContaining('given up') })
  })

  test.each([['STARTING', true], ['READY', true], ['RETIRING', true], ['TERMINATING', false], ['GONE', false]] as const)('in state %s: %s', async (state, ok) => {
    await made('i-1', state)
    expect((await enroll('i-1')).ok).toBe(ok)
  })

  test('another pool, an expired token', async () => {
    await made('i-1')
    expect(await enroll('i-1', { pool: 'default' })).toMatchObject({ ok: false, status: 409, error: expect.stringContaining('launched for pool gpu') })
    await fresh.db.updateTable('join_tokens').set({ expires_at: new Date(Date.now() - 1_000) }).where('launch_id', '=', 'l1').execute()
    expect(await enroll('i-1')).toMatchObject({ ok: false, status: 401 })
  })

  test('tokens that belong to no launch are as they were', async () => {
    expect(await enroll('any-host', { joinToken: 'plain', pool: 'default' })).toMatchObject({ ok: true })
  })
})
