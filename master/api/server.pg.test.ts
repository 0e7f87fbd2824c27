import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, PASSWORD, startRig, type Rig } from './test-rig/rig.ts'
import { seedAgent, seedAllocationToken, seedCheckpoint, seedEvent, seedExperiment, seedLines, seedMember, seedMetrics } from './test-rig/seed.ts'
import { clientHash } from './auth/password.ts'
import { shownAllocationId } from './shapes/task-ids.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

describe.skipIf(!ADMIN_URL)('the HTTP API', () => {
  let rig: Rig
  let seeded: Awaited<ReturnType<typeof seedExperiment>>
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const get = (url: string, token = rig.user) => rig.app.inject({ method: 'GET', url, headers: bearer(token) })
  const post = (url: string, payload: object = {}, token = rig.user) => rig.app.inject({ method: 'POST', url, headers: bearer(token), payload })

  beforeAll(async () => {
    rig = await startRig()
    seeded = await seedExperiment(rig.db, { ownerId: rig.userId })
    await seedAgent(rig.db, 'agent-1', 2)
    await seedMember(rig.db, seeded.allocationId, 'agent-1', ['cpu-0'])
    await seedMetrics(rig.db, seeded.trialId, 'training', 100, { loss: 0.5 })
    await seedMetrics(rig.db, seeded.trialId, 'validation', 100, { accuracy: 0.8, odd: 'NaN' })
    await seedLines(rig.db, seeded.taskId, ['one', 'two'])
    await seedEvent(rig.db, 'experiment began', seeded.experimentId)
  }, 30_000)
  afterAll(() => rig?.close())

  test('info, health and master are open', async () => {
    expect((await rig.app.inject('/info')).json()).toMatchObject({ version: '0.38.1', cluster_id: 'cluster-1' })
    expect((await rig.app.inject('/health')).json()).toEqual({ status: 'up' })
    rig.isReady.value = false
    expect((await rig.app.inject('/health')).statusCode).toBe(503)
    rig.isReady.value = true
    expect((await rig.app.inject('/api/v1/master')).json()).toMatchObject({ clusterId: 'cluster-1', hasCustomLogo: false, strictJobQueueControl: false })
  })

  test('a wrong user and a wrong password get the same answer, which names the cure', async () => {
    const login = (username: string, password: string) => rig.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username, password } })
    const [unknown, wrong] = [await login('nobody', 'x'), await login('admin', 'x')]
    expect([unknown.statusCode, wrong.statusCode]).toEqual([401, 401])
    expect(unknown.json()).toEqual(wrong.json())
    expect(wrong.json().message).toContain('ask an administrator')
    expect((await login('ADMIN', PASSWORD)).statusCode).toBe(200)
  })

  test('lists and describes an experiment in Determined shapes', async () => {
    const list = (await get('/api/v1/experiments?limit=200&offset=0&archived=false')).json()
    expect(list.pagination).toEqual({ offset: 0, limit: 200, startIndex: 0, endIndex: 1, total: 1 })
    expect(list.experiments[0]).toMatchObject({ id: seeded.experimentId, state: 'STATE_RUNNING', username: 'determined', numTrials: 1, trialIds: [seeded.trialId], searcherType: 'single', checkpointSize: '0' })
    expect(list.experiments[0].config.checkpoint_storage).toMatchObject({ type: 's3', bucket: 'bkt' })
    expect((await get(`/api/v1/experiments/${seeded.experimentId}`)).json()).toMatchObject({ experiment: { id: seeded.experimentId }, config: { name: 'fashion' } })
    const missing = await get('/api/v1/experiments/4711')
    expect([missing.statusCode, missing.json().message]).toEqual([404, expect.stringContaining('experiment 4711 was not found')])
  })

  test('trials, workloads, tasks, agents, slots, pools, events, why', async () => {
    expect((await get(`/api/v1/experiments/${seeded.experimentId}/trials`)).json().trials[0]).toMatchObject({ id: seeded.trialId, state: 'STATE_RUNNING', hparams: { lr: 0.1 }, drover: { allocation: { agents: ['agent-1'], containerId: 'c0ffee' } } })
    expect((await get(`/api/v1/trials/${seeded.trialId}`)).json().trial).toMatchObject({ id: seeded.trialId, restarts: 0 })
    const { workloads } = (await get(`/api/v1/trials/${seeded.trialId}/workloads?limit=500`)).json()
    expect(workloads).toMatchObject([{ training: { totalBatches: 100, metrics: { avgMetrics: { loss: 0.5 } } } }, { validation: { metrics: { avgMetrics: { odd: 'NaN' } } } }])
    expect((await get('/api/v1/tasks')).json().allocationIdToSummary[shownAllocationId(seeded.allocationId, seeded.experimentId)]).toMatchObject({ resources: [{ containerId: 'c0ffee' }] })
    expect((await get(`/api/v1/tasks/${seeded.taskId}`)).json().task).toMatchObject({ taskType: 'TASK_TYPE_TRIAL', allocations: [{ state: 'STATE_RUNNING', isReady: true }] })
    const { agents } = (await get('/api/v1/agents')).json()
    expect(agents[0]).toMatchObject({ id: 'agent-1', resourcePools: ['default'], slotStats: { typeStats: { TYPE_CPU: { total: 2, states: { STATE_RUNNING: 1 } } } }, drover: { status: 'ok' } })
    expect(agents[0].slots['cpu-0'].container).toMatchObject({ id: 'c0ffee', parent: seeded.allocationId })
    expect(agents[0].slots['cpu-1'].container).toBeNull()
    expect((await get('/api/v1/resource-pools')).json().resourcePools[0]).toMatchObject({ name: 'default', slotsAvailable: 2, slotsUsed: 1, numAgents: 1 })
    expect((await get(`/api/v1/drover/events?experimentId=${seeded.experimentId}`)).json()).toMatchObject({ events: [{ text: 'experiment began' }] })
    expect((await get(`/api/v1/drover/trials/${seeded.trialId}/metrics?group=validation`)).json().metrics).toMatchObject([{ steps: 100, group: 'validation' }])
    expect((await get(`/api/v1/drover/why/experiments/${seeded.experimentId}`)).json().summary).toContain('is RUNNING')
    expect((await get('/api/v1/workspaces')).json().workspaces[0].name).toBe('Uncategorized')
  })

  test('verbs reach the commands with the name of the user; their refusals are worded', async () => {
    for (const verb of ['activate', 'pause', 'cancel', 'kill', 'archive', 'unarchive']) expect((await post(`/api/v1/experiments/${seeded.experimentId}/${verb}`)).json()).toEqual({})
    expect(rig.calls).toContain(`pause ${seeded.experimentId} determined`)
    rig.answer.result = { kind: 'conflict', message: 'it has ended' }
    expect((await post(`/api/v1/experiments/${seeded.experimentId}/pause`)).statusCode).toBe(409)
    rig.answer.result = { kind: 'not-found' }
    expect((await post('/api/v1/experiments/99/pause')).statusCode).toBe(404)
    rig.answer.result = { kind: 'done' }
    expect((await post('/api/v1/agents/agent-1/disable', { drain: true })).statusCode).toBe(403)
    expect((await post('/api/v1/agents/agent-1/disable', { drain: true }, rig.admin)).json().agent.id).toBe('agent-1')
    expect((await post('/api/v1/agents/agent-1/slots/1/disable', {}, rig.admin)).statusCode).toBe(200)
    expect(rig.calls.slice(-2)).toEqual(['setAgentEnabled agent-1 false true admin', 'setSlotEnabled agent-1 cpu-1 {"enabled":false,"drain":false} admin'])
  })

  test('a container reads its own trial only, and its token dies with the allocation', async () => {
    const other = await seedExperiment(rig.db, { ownerId: rig.userId, name: 'other' })
    const token = await seedAllocationToken(rig.db, other.allocationId)
    const { uuid } = await seedCheckpoint(rig.db, other, { steps: 1, files: { a: 1 } })
    const foreign = await seedCheckpoint(rig.db, seeded, { steps: 1, files: { a: 1 }, state: 'ACTIVE' })
    const status = async (url: string): Promise<number> => (await get(url, token)).statusCode
    for (const url of [`/api/v1/trials/${other.trialId}`, `/api/v1/experiments/${other.experimentId}`, `/api/v1/tasks/${other.taskId}`, `/api/v1/checkpoints/${uuid}`, '/api/v1/me']) expect(await status(url)).toBe(200)
    for (const url of [`/api/v1/trials/${seeded.trialId}`, `/api/v1/experiments/${seeded.experimentId}`, `/api/v1/checkpoints/${foreign.uuid}`, '/api/v1/users', '/api/v1/agents']) expect(await status(url)).toBe(403)
    await rig.db.updateTable('allocations').set({ state: 'SEALED' }).where('id', '=', other.allocationId).execute()
    expect(await status(`/api/v1/trials/${other.trialId}`)).toBe(401)
    await rig.db.deleteFrom('checkpoints').execute()
    await rig.db.deleteFrom('experiments').where('id', '=', other.experimentId).execute()
  })

  test('a request by cookie must come from our own page', async () => {
    const login = await rig.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username: 'determined', password: clientHash(PASSWORD), isHashed: true } })
    const { token } = login.json<{ token: string }>()
    expect(String(login.headers['set-cookie'])).toMatch(/^auth=.*HttpOnly.*SameSite=Lax/)
    const byCookie = (headers: Record<string, string>) => rig.app.inject({ method: 'POST', url: `/api/v1/experiments/${seeded.experimentId}/pause`, headers: { host: 'drover.test', cookie: `auth=${token}`, ...headers } })
    expect((await byCookie({})).statusCode).toBe(403)
    expect((await byCookie({ origin: 'https://evil.test' })).statusCode).toBe(403)
    expect((await byCookie({ origin: 'https://evil.test', 'x-drover': '1' })).statusCode).toBe(403)
    expect((await byCookie({ origin: 'http://drover.test' })).statusCode).toBe(200)
    expect((await byCookie({ 'x-drover': '1' })).statusCode).toBe(200)
    expect((await rig.app.inject({ method: 'GET', url: '/api/v1/me', headers: { cookie: `auth=${token}` } })).statusCode).toBe(200)
    await post('/api/v1/auth/logout', {}, token)
    expect((await get('/api/v1/me', token)).statusCode).toBe(401)
  })
})
