import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { retireInstance } from '../store/instance-commands.ts'
import { resumePool } from '../store/pool-commands.ts'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedAgent, seedCheckpoint, seedExperiment, seedMember } from './test-rig/seed.ts'
import { seedDryMark, seedInstance, seedLaunch, seedPool } from './test-rig/seed-herd.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

describe.skipIf(!ADMIN_URL)('what people see of the herd', () => {
  let rig: Rig
  let waiting: Awaited<ReturnType<typeof seedExperiment>>
  let running: Awaited<ReturnType<typeof seedExperiment>>
  const get = async (url: string) => (await rig.app.inject({ url, headers: { authorization: `Bearer ${rig.user}` } })).json()
  const post = (url: string, token: string) => rig.app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` } })

  beforeAll(async () => {
    rig = await startRig()
    const { db } = rig
    waiting = await seedExperiment(db, { ownerId: rig.userId, allocation: 'PENDING' })
    running = await seedExperiment(db, { ownerId: rig.userId, allocation: 'RUNNING' })
    await db.updateTable('experiments').set({ resource_pool: 'gpu-big' }).execute()
    await db.updateTable('allocations').set({ pool: 'gpu-big' }).execute()
    await seedLaunch(db, 'l-refused', { state: 'FAILED', minutesAgo: 3, allocations: [waiting.allocationId], error: { kind: 'capacity', code: 'InsufficientInstanceCapacity', text: 'no capacity' } })
    await seedLaunch(db, 'l-open', { state: 'LAUNCHING', zone: 'us-east-1b', minutesAgo: 1, allocations: [waiting.allocationId] })
    await seedLaunch(db, 'l-done', { allocations: [running.allocationId] })
    await seedInstance(db, 'i-busy', 'l-done', { notice: 'spot' })
    await seedInstance(db, 'i-idle', 'l-done', { launched: 50, registered: 45 })
    await seedInstance(db, 'i-boot', 'l-done', { state: 'STARTING', launched: 2, registered: null })
    await seedLaunch(db, 'l-warm', { minutesAgo: 61 })
    await seedInstance(db, 'i-free', 'l-warm', { launched: 40, registered: 38, perHour: null })
    await seedInstance(db, 'i-dead', 'l-done', { state: 'GONE', launched: 90, registered: null, gone: 70, reason: 'its agent never registered', console: 'docker.service failed' })
    await seedAgent(db, 'i-busy', 1)
    await seedMember(db, running.allocationId, 'i-busy', ['cpu-0'])
    await db.updateTable('allocations').set({ assigned_at: new Date(Date.now() - 30 * 60_000) }).where('id', '=', running.allocationId).execute()
    await seedPool(db, 'gpu-big', { note: '1 allocation waits, 1 slot in all; EC2 is asked for 1 x g5.xlarge in us-east-1b, spot' })
    await seedDryMark(db, 'gpu-big', 3)
    await seedDryMark(db, 'gpu-big', -3, { type: 'g5.2xlarge' })
  }, 30_000)
  afterAll(() => rig?.close())

  test('instances: newest first, the ended ones on request, filters, pages', async () => {
    const { instances, pagination } = await get('/api/v1/drover/instances')
    expect(instances.map((one: { id: string }) => one.id)).toEqual(['i-boot', 'i-free', 'i-idle', 'i-busy'])
    expect(pagination.total).toBe(4)
    expect((await get('/api/v1/drover/instances?includeGone=true&limit=1&offset=4')).instances).toMatchObject([{ id: 'i-dead' }])
    expect((await get('/api/v1/drover/instances?state=GONE&state=STARTING')).instances).toHaveLength(2)
    expect((await get('/api/v1/drover/instances?pool=default')).instances).toEqual([])
    expect((await get('/api/v1/drover/instances?state=RUNNING')).message).toBe('state is "RUNNING": write one of LAUNCHING, STARTING, READY, RETIRING, TERMINATING, GONE, FAILED')
    expect(instances[3]).toMatchObject({ allocations: [{ id: running.allocationId, experimentId: running.experimentId, state: 'RUNNING', slots: 1 }], idleSince: null, notice: { kind: 'spot' }, agent: { status: 'ok' } })
    expect(Date.now() - Date.parse(instances[2].idleSince)).toBeGreaterThan(44 * 60_000)
  })

  test('one instance: launch, cost, console, events', async () => {
    await rig.db.insertInto('events').values([
      { kind: 'instance-gone', instance_id: 'i-dead', pool: 'gpu-big', experiment_id: null, trial_id: null, allocation_id: null, agent_id: null, text: 'EC2 says terminated', data: '{}' },
      { kind: 'agent-lost', instance_id: null, pool: null, experiment_id: null, trial_id: null, allocation_id: null, agent_id: 'i-dead', text: 'silent', data: '{}' },
    ]).execute()
    const body = await get('/api/v1/drover/instances/i-dead')
    expect(body).toMatchObject({ instance: { state: 'GONE', stateReason: 'its agent never registered', agent: null }, launch: { id: 'l-done', reason: 'one allocation waits' }, console: 'docker.service failed' })
    expect(body.events.map((event: { kind: string }) => event.kind)).toEqual(['agent-lost', 'instance-gone'])
    expect((await get('/api/v1/drover/events?instanceId=i-dead&kind=instance-gone')).events).toMatchObject([{ instanceId: 'i-dead', pool: 'gpu-big' }])
    expect((await get('/api/v1/drover/events?pool=default')).events).toEqual([])
    expect((await rig.app.inject({ url: '/api/v1/drover/instances/i-none', headers: { authorization: `Bearer ${rig.user}` } })).json().message).toContain('instance i-none was not found')
  })

  test('the cost: a boot that failed is all boot, an idle one idles, an unknown price is told as such', async () => {
    const { cost } = (await get('/api/v1/drover/instances/i-dead')).instance
    expect([cost.total, cost.boot].map((dollars) => Number(dollars.toFixed(3)))).toEqual([0.12, 0.12])
    const idle = (await get('/api/v1/drover/instances/i-idle')).instance.cost
    expect([idle.boot, idle.idle, idle.useful].map((dollars: number) => Number(dollars.toFixed(3)))).toEqual([0.03, 0.27, 0])
    const busy = (await get('/api/v1/drover/instances/i-busy')).instance.cost
    expect(Number(busy.useful.toFixed(3))).toBeGreaterThan(0.15)
    expect((await get('/api/v1/drover/instances/i-free')).instance.cost).toEqual({ total: null, useful: null, boot: null, idle: null, lost: null })
    const experiment = (await get(`/api/v1/experiments/${running.experimentId}`)).experiment.drover.cost
    expect(Number(experiment.useful.toFixed(2))).toBe(Number(busy.useful.toFixed(2)))
    expect((await get(`/api/v1/experiments/${waiting.experimentId}`)).experiment.drover.cost.total).toBe(0)
  })

  test('a run that was lost is useful up to its newest committed checkpoint, and lost from there', async () => {
    const { db } = rig
    const lost = await seedExperiment(db, { ownerId: rig.userId, state: 'ERROR', allocation: 'SEALED' })
    await seedLaunch(db, 'l-lost', { minutesAgo: 100, allocations: [lost.allocationId] })
    await seedInstance(db, 'i-lost', 'l-lost', { state: 'GONE', launched: 100, registered: 100, gone: 40 })
    await seedMember(db, lost.allocationId, 'i-lost', ['cpu-0'], 'SEALED')
    const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000)
    await db.updateTable('allocations').set({ assigned_at: ago(100), ended_at: ago(40), sealed_at: ago(40), exit_kind: 'lost' }).where('id', '=', lost.allocationId).execute()
    const { uuid } = await seedCheckpoint(db, lost, { steps: 10, files: { a: 1 } })
    await seedCheckpoint(db, lost, { steps: 20, files: { a: 1 }, ordinal: 2, state: 'ERROR' })
    await db.updateTable('checkpoints').set({ declared_at: ago(55) }).where('uuid', '=', uuid).execute()
    const cost = (await get(`/api/v1/experiments/${lost.experimentId}`)).experiment.drover.cost
    expect([cost.total, cost.useful, cost.lost, cost.boot, cost.idle].map((dollars) => Number(dollars.toFixed(2)))).toEqual([0.36, 0.27, 0.09, 0, 0])
    expect((await get('/api/v1/drover/instances/i-lost')).instance.cost.lost).toBeCloseTo(0.09, 3)
  })

  test('pools: counts, money, marks that still hold, what waits, what EC2 was asked', async () => {
    const { pools } = await get('/api/v1/drover/pools')
    expect(pools.map((pool: { name: string }) => pool.name)).toEqual(['default', 'gpu-big'])
    expect(pools[0]).toMatchObject({ policy: null, count: 0, cure: '', note: '' })
    expect(pools[1]).toMatchObject({
      policy: { region: 'us-east-1', maxInstances: 4, maxIdleSeconds: 600 }, instances: { LAUNCHING: 1, STARTING: 1, READY: 3 }, count: 5, unpriced: 1, paused: null,
      dry: [{ type: 'g5.xlarge', code: 'InsufficientInstanceCapacity' }], waiting: [{ allocation: waiting.allocationId, experimentId: waiting.experimentId }], launches: [{ id: 'l-open' }],
    })
    expect(pools[1].perHour).toBeCloseTo(0.36 * 3)
    expect((await get('/api/v1/drover/pools/gpu-big')).pool.name).toBe('gpu-big')
  })

  test('launches: the refusal, its cure and what followed', async () => {
    const { launches } = await get(`/api/v1/drover/launches?experimentId=${waiting.experimentId}`)
    expect(launches.map((launch: { id: string }) => launch.id)).toEqual(['l-open', 'l-refused'])
    expect(launches[1]).toMatchObject({ error: { kind: 'capacity', code: 'InsufficientInstanceCapacity', text: 'no capacity', cure: expect.stringContaining('again') }, followedBy: { id: 'l-open', zone: 'us-east-1b', state: 'LAUNCHING' } })
    expect((await get('/api/v1/drover/launches?state=FAILED')).launches).toHaveLength(1)
    expect((await get('/api/v1/drover/launches?state=DONE&limit=2')).launches).toMatchObject([{ instances: ['i-boot', 'i-busy', 'i-dead', 'i-idle'] }, { instances: ['i-free'] }])
  })

  test('why an experiment waits: what EC2 is asked, the note, the marks', async () => {
    const why = await get(`/api/v1/drover/why/experiments/${waiting.experimentId}`)
    expect(why.summary).toContain('waits for EC2, which was asked for an instance (g5.xlarge, us-east-1b, spot) 1 min')
    expect(why).toMatchObject({ pool: { name: 'gpu-big', note: expect.stringContaining('1 allocation waits'), dry: [{ code: 'InsufficientInstanceCapacity' }] }, starting: [{ id: null, state: 'LAUNCHING' }], launches: [{ id: 'l-open' }, { id: 'l-refused', error: { code: 'InsufficientInstanceCapacity' } }], cost: { total: 0 } })
    expect((await get(`/api/v1/experiments/${waiting.experimentId}`)).experiment.drover.waitReason).toContain('waits for EC2, which was asked for an instance')
    expect(await get(`/api/v1/drover/why/experiments/${running.experimentId}`)).toMatchObject({ pool: null, starting: [], cure: '' })
  })

  test('why an instance is as it is', async () => {
    const why = (id: string) => get(`/api/v1/drover/why/instances/${id}`)
    expect((await why('i-boot')).summary).toMatch(/^instance i-boot \(g5.xlarge, us-east-1a, spot\) is STARTING: EC2 made it 2 min 0\d s ago \(one allocation waits\), its agent has not registered yet; if it has not by /)
    expect((await why('i-busy')).summary).toContain(`it holds ${running.allocationId} of experiment ${running.experimentId}; EC2 takes it at`)
    expect(await why('i-idle')).toMatchObject({ summary: expect.stringMatching(/nothing has run on it for 45 min 0\d s, longer than the pool allows \(10 min 00 s\)/), cure: expect.stringContaining('drover instance retire i-idle') })
    expect(await why('i-dead')).toMatchObject({ summary: expect.stringContaining('it ended after 20 min 00 s: its agent never registered'), cure: 'read what it said at boot: drover instance describe i-dead' })
  })

  test("Determined's pools and agents tell of EC2 as well", async () => {
    const { resourcePools } = await get('/api/v1/resource-pools')
    expect(resourcePools[0]).toMatchObject({ type: 'RESOURCE_POOL_TYPE_STATIC', location: 'on-prem', maxAgents: 0 })
    expect(resourcePools[1]).toMatchObject({ type: 'RESOURCE_POOL_TYPE_AWS', location: 'us-east-1', minAgents: 0, maxAgents: 4, instanceType: 'g5.xlarge, g5.2xlarge', maxIdleAgentPeriod: 600, maxAgentStartingPeriod: 1200, details: { aws: { spotEnabled: true, imageId: 'ami-1' } } })
    expect((await get('/api/v1/agents/i-busy')).agent).toMatchObject({ addresses: ['10.0.0.7'], drover: { zone: 'us-east-1a', market: 'spot', status: 'ok', lostAt: null } })
    await rig.db.updateTable('agents').set({ lost_at: new Date(), notice: 'spot' }).where('id', '=', 'i-busy').execute()
    expect((await get('/api/v1/agents/i-busy')).agent.drover).toMatchObject({ status: 'lost', notice: 'spot' })
    await rig.db.updateTable('agents').set({ lost_at: null, notice: null }).where('id', '=', 'i-busy').execute()
  })

  test('only an administrator steers; a refusal is told', async () => {
    const wishes = ['/api/v1/drover/pools/gpu-big/resume', '/api/v1/drover/alarms/brake/release', '/api/v1/drover/instances/i-idle/retire']
    for (const url of wishes) expect((await post(url, rig.user)).statusCode).toBe(403)
    rig.calls.splice(0)
    for (const url of wishes) expect((await post(url, rig.admin)).statusCode).toBe(200)
    expect(rig.calls).toEqual(['resumePool gpu-big admin', 'releaseBrake admin', 'retireInstance i-idle admin'])
    expect((await post('/api/v1/drover/pools/none/resume', rig.admin)).statusCode).toBe(404)
    rig.answer.result = { kind: 'conflict', message: 'the brake is not on' }
    expect(await post('/api/v1/drover/alarms/brake/release', rig.admin)).toMatchObject({ statusCode: 409 })
    rig.answer.result = { kind: 'done' }
  })

  test('alarms come with their cure', async () => {
    await rig.db.insertInto('alarms').values([{ key: 'brake', text: '5 agents are silent' }, { key: 'brake-off', text: 'a note of the loss loop to itself' }, { key: 'pool-paused:gpu-big', text: 'three boots failed' }]).execute()
    expect((await get('/api/v1/drover/alarms')).alarms).toMatchObject([{ key: 'brake', cure: expect.stringContaining('drover brake release') }, { key: 'pool-paused:gpu-big', cure: expect.stringContaining('drover pool resume gpu-big') }])
  })

  test('a person retires what is free, never what holds work (I8)', async () => {
    const { db } = rig
    expect(await retireInstance(db, 'i-busy', 'ada')).toMatchObject({ kind: 'conflict', message: expect.stringContaining(running.allocationId) })
    expect(await retireInstance(db, 'i-boot', 'ada')).toMatchObject({ kind: 'conflict' })
    expect(await retireInstance(db, 'i-dead', 'ada')).toMatchObject({ kind: 'conflict' })
    expect(await retireInstance(db, 'i-none', 'ada')).toEqual({ kind: 'not-found' })
    await seedAgent(db, 'i-idle', 1)
    expect(await retireInstance(db, 'i-idle', 'ada')).toEqual({ kind: 'done' })
    expect(await retireInstance(db, 'i-idle', 'ada')).toEqual({ kind: 'done' })
    expect(await db.selectFrom('agents').select(['retiring', 'generation']).where('id', '=', 'i-idle').executeTakeFirst()).toEqual({ retiring: 'retired by ada', generation: 2 })
    expect((await get('/api/v1/drover/instances/i-idle')).instance).toMatchObject({ state: 'RETIRING', stateReason: 'retired by ada' })
    expect((await get('/api/v1/drover/events?instanceId=i-idle')).events).toHaveLength(1)
  })

  test('a resumed pool may launch again, once', async () => {
    await rig.db.updateTable('pools').set({ paused: 'three boots failed', paused_at: new Date(), strikes: 3 }).execute()
    expect((await get('/api/v1/drover/pools/gpu-big')).pool).toMatchObject({ paused: { reason: 'three boots failed' }, strikes: 3, cure: expect.stringContaining('drover pool resume gpu-big') })
    expect(await resumePool(rig.db, 'gpu-big', 'ada')).toEqual({ kind: 'done' })
    expect(await resumePool(rig.db, 'gpu-big', 'ada')).toEqual({ kind: 'done' })
    expect(await resumePool(rig.db, 'none', 'ada')).toEqual({ kind: 'not-found' })
    expect((await get('/api/v1/drover/pools/gpu-big')).pool).toMatchObject({ paused: null, strikes: 0 })
    expect((await get('/api/v1/drover/events?kind=pool-resumed')).events).toHaveLength(1)
  })
})
