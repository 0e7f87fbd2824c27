import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashToken } from '../store/secrets.ts'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedCheckpoint, seedExperiment } from './test-rig/seed.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

describe.skipIf(!ADMIN_URL)('what training containers ask of the master', () => {
  let rig: Rig
  let own: Awaited<ReturnType<typeof seedExperiment>>
  let other: Awaited<ReturnType<typeof seedExperiment>>
  const token = 'of-the-allocation'
  const call = async (method: 'GET' | 'POST' | 'PATCH', url: string, payload?: object): Promise<{ status: number; body: Record<string, unknown> }> => {
    const reply = await rig.app.inject({ method, url, headers: { 'grpc-metadata-x-allocation-token': `Bearer ${token}` }, ...(payload ? { payload } : {}) })
    return { status: reply.statusCode, body: reply.json() }
  }

  beforeAll(async () => {
    rig = await startRig()
    own = await seedExperiment(rig.db, { ownerId: rig.userId })
    other = await seedExperiment(rig.db, { ownerId: rig.userId })
    await rig.db.insertInto('tokens').values({ hash: hashToken(token), kind: 'allocation', user_id: rig.userId, allocation_id: own.allocationId, agent_id: 'a' }).execute()
  }, 30_000)
  afterAll(() => rig?.close())

  test('run metadata: none, set, replaced; another run\'s is out of reach; too large and malformed are refused', async () => {
    const path = `/api/v1/runs/${own.trialId}/metadata`
    expect(await call('GET', path)).toEqual({ status: 200, body: { metadata: {} } })
    expect((await call('POST', path, { metadata: { a: [1, { b: null }] }, runId: own.trialId })).body).toEqual({ metadata: { a: [1, { b: null }] } })
    await call('POST', path, { metadata: { c: 2 } })
    expect((await call('GET', path)).body).toEqual({ metadata: { c: 2 } })
    expect((await call('GET', `/api/v1/runs/${other.trialId}/metadata`)).status).toBe(403)
    expect((await call('POST', path, { metadata: 5 })).status).toBe(400)
    expect((await call('POST', path, { metadata: { a: 'x'.repeat(300_000) } })).status).toBe(413)
  })

  test('the best metric: 404 before there is one', async () => {
    const path = `/api/v1/experiments/${own.experimentId}/searcher/best_searcher_validation_metric`
    expect((await call('GET', path)).status).toBe(404)
    await rig.db.updateTable('trials').set({ searcher_metric: 0.75 }).where('id', '=', own.trialId).execute()
    expect((await call('GET', path)).body).toEqual({ metric: 0.75 })
  })

  test('the context directory: empty where there is none', async () => {
    expect(await call('GET', `/api/v1/tasks/${own.taskId}/context_directory`)).toEqual({ status: 200, body: { b64Tgz: '' } })
    expect((await call('GET', `/api/v1/tasks/${other.taskId}/context_directory`)).status).toBe(403)
  })

  test('all-gather: answered when all have come, again to who asks again, and in rounds', async () => {
    const path = `/api/v1/allocations/${own.allocationId}/all_gather`
    const ask = (requestUuid: string, data: unknown) => call('POST', path, { requestUuid, numPeers: 2, data })
    const [first, second] = await Promise.all([ask('a', { rank: 0 }), ask('b', { rank: 1 })])
    expect([first.body, second.body]).toEqual([{ data: [{ rank: 0 }, { rank: 1 }] }, { data: [{ rank: 0 }, { rank: 1 }] }])
    expect((await ask('a', { rank: 0 })).body).toEqual(first.body)
    const [third] = await Promise.all([ask('c', 3), ask('d', 4)])
    expect(third.body).toEqual({ data: [3, 4] })
    expect((await call('POST', `/api/v1/allocations/${other.allocationId}/all_gather`, { requestUuid: 'x', numPeers: 1, data: 1 })).status).toBe(403)
  })

  test('deleted checkpoints: wholly, in part, of this experiment alone', async () => {
    const stateOf = async (uuid: string) => (await rig.db.selectFrom('checkpoints').select(['state', 'resources']).where('uuid', '=', uuid).executeTakeFirstOrThrow())
    const whole = await seedCheckpoint(rig.db, own, { steps: 1, files: { a: 1, b: 2 } })
    const part = await seedCheckpoint(rig.db, own, { steps: 2, files: { a: 1, b: 2 }, ordinal: 2 })
    const foreign = await seedCheckpoint(rig.db, other, { steps: 1, files: { a: 1 } })
    expect((await call('PATCH', '/api/v1/checkpoints', { checkpoints: [{ uuid: whole.uuid, resources: { resources: {} } }, { uuid: part.uuid, resources: { resources: { a: '1', 'd/': '0' } } }] })).status).toBe(200)
    expect([await stateOf(whole.uuid), await stateOf(part.uuid)]).toEqual([{ state: 'DELETED', resources: {} }, { state: 'PARTIALLY_DELETED', resources: { a: 1 } }])
    for (const uuid of [foreign.uuid, randomUUID()]) expect((await call('PATCH', '/api/v1/checkpoints', { checkpoints: [{ uuid, resources: { resources: {} } }] })).status).toBe(404)
    expect((await stateOf(foreign.uuid)).state).toBe('COMPLETED')
    expect((await call('PATCH', '/api/v1/checkpoints', { checkpoints: 'all' })).status).toBe(400)
  })
})
