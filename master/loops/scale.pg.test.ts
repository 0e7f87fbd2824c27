import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refuse } from '../cloud/double.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { launchToken } from '../identity/launch-token.ts'
import { NotLeaderError } from '../store/leader.ts'
import { HERD, launch, openHerdRig, speak, states, texts, type HerdRig } from './herd-rig.ts'
import { newExperiment } from './rig.ts'
import { intendLaunch } from './scale-launch.ts'

describe.skipIf(!PG_ADMIN_URL)('launches', () => {
  let rig: HerdRig
  beforeAll(async () => { rig = await openHerdRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => rig.clear())

  const launches = () => rig.db.selectFrom('launches').selectAll().orderBy('decided_at').execute()
  /** Answers with these decisions once, then with nothing. */
  const once = (...decisions: ReturnType<typeof launch>[]): void => {
    rig.decider.decide = () => decisions.splice(0)
  }

  test('intent, call, outcome: rows, user data, join token, events', async () => {
    once(launch({ count: 2 }))
    await rig.scale()
    const [row] = await launches()
    expect(row).toMatchObject({ pool: 'gpu', state: 'DONE', count: 2, gang: false, reason: 'the test wants it', settled_at: expect.any(Date) })
    expect(rig.cloud.launches).toMatchObject([{ token: row?.id, min: 1, max: 2, type: 'g5.xlarge', spotMaxPrice: null }])
    const { token, hash } = launchToken('key-of-the-rig', row?.id ?? '', 'f'.repeat(64))
    expect(rig.cloud.launches[0]?.userData).toBe(['#drover', 'DROVER_MASTER_URL=https://master:8443', `DROVER_JOIN_TOKEN=${token}`, 'DROVER_POOL=gpu', `DROVER_STARTUP_SCRIPT=${Buffer.from('echo hello').toString('base64')}`, ''].join('\n'))
    const joins = await rig.db.selectFrom('join_tokens').selectAll().execute()
    expect(joins).toMatchObject([{ hash, launch_id: row?.id }])
    // the longest boot and a margin
    expect(((joins[0]?.expires_at?.getTime() ?? 0) - Date.now()) / 60_000).toBeCloseTo(27, 0)
    expect(await states(rig)).toEqual(['STARTING', 'STARTING'])
    expect(await rig.db.selectFrom('instances').select(['per_hour', 'slots', 'launch_id']).execute()).toEqual(Array.from({ length: 2 }, () => ({ per_hour: 1.006, slots: 1, launch_id: row?.id })))
    expect(await texts(rig, 'launch-decided')).toEqual(['2 x g5.xlarge in us-east-1a, on-demand is asked of EC2: the test wants it'])
    expect(await texts(rig, 'launch-done')).toEqual([expect.stringContaining('EC2 made i-')])
    expect(rig.woken).toContain('truth')
    expect(JSON.stringify(await rig.db.selectFrom('events').selectAll().execute())).not.toContain(token)
  })

  test('a gang is all or nothing', async () => {
    once(launch({ count: 3, gang: true }))
    await rig.scale()
    expect(rig.cloud.launches).toMatchObject([{ min: 3, max: 3 }])
  })

  test('the world that the decider sees: pools with facts, instances, idle since their registration', async () => {
    once(launch({ allocations: [] }))
    await rig.scale()
    const [id = ''] = rig.cloud.instances.keys()
    await speak(rig, id, 1)
    await rig.scale()
    expect(rig.worlds.at(-1)).toMatchObject({
      pools: [{
        policy: { name: 'gpu', places: [{ subnet: 'subnet-us-east-1a', zone: 'us-east-1a' }, { subnet: 'subnet-us-east-1b', zone: 'us-east-1b' }] }, types: [{ type: 'g5.xlarge', gpus: 1 }, { type: 'g6.xlarge' }],
        prices: [{ type: 'g5.xlarge', zone: null, market: 'on-demand', perHour: 1.006 }], callMs: 5_000, strikes: 0, paused: null, note: '', dry: [], lastCallAt: expect.any(Number),
      }],
      launches: [], agents: [{ id }],
      instances: [{ id, state: 'READY', slots: 1, launchCount: 1, live: [], notice: null, drained: false, registeredAt: expect.any(Number), idleSince: expect.any(Number), silentMs: expect.any(Number) }],
    })
  })

  test('two loops at once, over and over: never past the cap, never two calls in 5 s (I7)', async () => {
    const other = rig.another()
    rig.decider.decide = () => [launch({ count: 2 }), launch({ count: 2 })]
    for (let round = 0; round < 8; round += 1) {
      await Promise.all([rig.scale(), other.scale(), rig.scale()])
      expect(rig.cloud.launches.length).toBeLessThanOrEqual(round + 1)
      rig.advance(5_000)
    }
    // 3 are allowed, and 2 + 2 are more
    expect(rig.cloud.instances.size).toBe(2)
    rig.decider.decide = () => [launch()]
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([rig.scale(), other.scale()])
      rig.advance(5_000)
    }
    expect(rig.cloud.instances.size).toBe(3)
  })

  test('instances under a spot notice are aside, up to twice the cap', async () => {
    rig.decider.decide = () => [launch({ count: 3 })]
    await rig.scale()
    await rig.db.updateTable('instances').set({ notice: 'spot' }).execute()
    rig.advance(5_000)
    await rig.scale()
    expect(rig.cloud.instances.size).toBe(6)
    await rig.db.updateTable('instances').set({ notice: 'spot' }).execute()
    rig.advance(5_000)
    await rig.scale()
    expect(rig.cloud.instances.size).toBe(6)
  })

  test('a launch for allocations that wait no more is not made', async () => {
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await rig.db.updateTable('allocations').set({ state: 'ASSIGNED' }).execute()
    once(launch({ allocations: [`trial-${trialId}.1`] }))
    await rig.scale()
    expect(rig.cloud.launches).toEqual([])
    expect(await launches()).toEqual([])
  })

  test('a launch for work whose spot instance goes is made', async () => {
    once(launch())
    await rig.scale()
    const [id = ''] = rig.cloud.instances.keys()
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig))
    const allocation = `trial-${trialId}.1`
    await rig.db.updateTable('allocations').set({ state: 'RUNNING' }).execute()
    await rig.db.insertInto('allocation_members').values({ allocation_id: allocation, rank: 0, agent_id: id, slot_ids: '[]', spec_digest: '', state: 'RUNNING', container_id: null, address: null, port: null }).execute()
    rig.advance(5_000)
    once(launch({ allocations: [allocation] }))
    await rig.scale()
    expect(rig.cloud.launches).toHaveLength(1)
    await rig.db.updateTable('instances').set({ notice: 'spot' }).execute()
    once(launch({ allocations: [allocation] }))
    await rig.scale()
    expect(rig.cloud.launches).toHaveLength(2)
  })

  test('the pause between two calls outlives a restart', async () => {
    rig.decider.decide = () => [launch()]
    await rig.scale()
    rig.advance(4_000)
    await rig.another().scale()
    expect(rig.cloud.launches).toHaveLength(1)
    rig.advance(1_100)
    await rig.another().scale()
    expect(rig.cloud.launches).toHaveLength(2)
  })

  test('the reply is lost after success: called again to the byte, one instance', async () => {
    rig.cloud.loseReplies = 2
    once(launch())
    await rig.scale()
    const [row] = await launches()
    expect(row).toMatchObject({ state: 'LAUNCHING', called_at: null, error_code: 'ECONNRESET' })
    rig.decider.decide = (world) => world.launches.map((open) => ({ kind: 'call-again' as const, launch: open.launch, reason: 'no answer' }))
    for (let round = 0; round < 3; round += 1) {
      await rig.scale()
      await rig.scale()
      rig.advance(5_000)
    }
    expect(rig.worlds.at(1)?.launches).toMatchObject([{ launch: row?.id, calledAt: null, count: 1 }])
    expect(new Set(rig.cloud.launches.map((call) => JSON.stringify(call))).size).toBe(1)
    expect(rig.cloud.launches).toHaveLength(3)
    expect(rig.cloud.instances.size).toBe(1)
    expect((await launches()).map((one) => one.state)).toEqual(['DONE'])
    expect(await texts(rig, 'launch-unknown')).toHaveLength(1)
  })

  test('a master that crashed between intent and call, or between call and record: the next one asks again, one instance each', async () => {
    const crashed = rig.another()
    const intents = [await intendLaunch(crashed.herd, 1, launch() as Parameters<typeof intendLaunch>[2])]
    rig.advance(5_000)
    intents.push(await intendLaunch(crashed.herd, 1, launch() as Parameters<typeof intendLaunch>[2]))
    const second = intents[1]
    if (!second) throw new Error('no intent')
    // the second call was made, its reply never recorded
    rig.cloud.loseReplies = 1
    await rig.another({ leaderEpoch: () => null }).herd.clouds.of('us-east-1').then((cloud) => cloud.launch({
      token: second.id, pool: 'gpu', type: 'g5.xlarge', place: { subnet: null, zone: 'us-east-1a' }, market: 'on-demand', spotMaxPrice: null, min: 1, max: 1, settings: rig.herd.pools[0]?.provider.settings as never,
      userData: ['#drover', 'DROVER_MASTER_URL=https://master:8443', `DROVER_JOIN_TOKEN=${rig.herd.launchToken(second.id).token}`, 'DROVER_POOL=gpu', `DROVER_STARTUP_SCRIPT=${Buffer.from('echo hello').toString('base64')}`, ''].join('\n'),
    })).catch(() => undefined)
    rig.decider.decide = (world) => world.launches.map((open) => ({ kind: 'call-again' as const, launch: open.launch, reason: 'no answer' }))
    for (let round = 0; round < 3; round += 1) {
      rig.advance(5_000)
      await rig.scale()
    }
    expect((await launches()).map((one) => one.state)).toEqual(['DONE', 'DONE'])
    expect(rig.cloud.instances.size).toBe(2)
    expect((await rig.db.selectFrom('instances').select('launch_id').execute()).map((one) => one.launch_id).sort()).toEqual(intents.map((one) => one?.id).sort())
  })

  test.each([
    ['capacity', 'InsufficientInstanceCapacity', [{ zone: 'us-east-1a', market: 'on-demand' }], 180],
    ['price', 'SpotMaxPriceTooLow', [{ zone: 'us-east-1a', market: 'on-demand' }], 180],
    ['quota', 'VcpuLimitExceeded', [{ zone: '', market: 'on-demand' }], 180],
    ['permission', 'UnauthorizedOperation', [{ zone: '', market: 'on-demand' }], 180],
    ['parameters', 'InvalidAMIID.NotFound', [{ zone: '', market: 'on-demand' }], 180],
    ['unsupported', 'Unsupported', [{ zone: 'us-east-1a', market: 'on-demand' }, { zone: 'us-east-1a', market: 'spot' }], 86_400],
  ] as const)('refused for %s: remembered as wide as it reaches, told with the cure', async (kind, code, marks, seconds) => {
    rig.cloud.rule = () => refuse(kind, code, 'these are the words of EC2')
    once(launch())
    await rig.scale()
    expect(await launches()).toMatchObject([{ state: 'FAILED', error_kind: kind, error_code: code, error_text: 'these are the words of EC2' }])
    const rows = await rig.db.selectFrom('dry_marks').selectAll().orderBy('market').execute()
    expect(rows).toMatchObject(marks.map((mark) => ({ pool: 'gpu', type: 'g5.xlarge', code, kind, ...mark })))
    for (const row of rows) expect((row.until.getTime() - Date.now() - clockAhead()) / 1000).toBeCloseTo(seconds, -1)
    expect(await texts(rig, 'launch-failed')).toEqual([expect.stringMatching(new RegExp(`did not make 1 x g5.xlarge in us-east-1a, on-demand: ${code}: these are the words of EC2. g5.xlarge in .* left alone for .*Cure: .{10}`))])
    expect(await rig.db.selectFrom('join_tokens').selectAll().execute()).toEqual([])
    await rig.scale()
    expect(rig.worlds.at(-1)?.pools[0]?.dry).toHaveLength(marks.length)
    rig.advance(seconds * 1000 + 1_000)
    await rig.scale()
    expect(rig.worlds.at(-1)?.pools[0]?.dry).toEqual([])
  })

  test('a refusal is remembered until every other offer of the pool has had its turn, be dry_period shorter', async () => {
    const other = rig.another({ herd: { ...HERD, dryMs: 1_000 } })
    rig.cloud.rule = () => refuse('capacity', 'InsufficientInstanceCapacity')
    once(launch())
    await other.scale()
    const offers = 2 * (other.herd.facts.of('gpu')?.places.length ?? 0)
    expect(offers).toBeGreaterThan(2)
    const [mark] = await rig.db.selectFrom('dry_marks').selectAll().execute()
    expect(((mark?.until.getTime() ?? 0) - Date.now() - clockAhead()) / 1000).toBeCloseTo(offers * 6, -1)
  })

  test.each(['throttled', 'unavailable'] as const)('%s: the outcome is not known, the intent stays', async (kind) => {
    rig.cloud.rule = () => refuse(kind, 'RequestLimitExceeded')
    once(launch())
    await rig.scale()
    expect(await launches()).toMatchObject([{ state: 'LAUNCHING', error_kind: kind }])
    expect(await rig.db.selectFrom('dry_marks').selectAll().execute()).toEqual([])
  })

  test('a quota that stays, 10 simulated minutes with a decider that never learns: at most 120 calls (F33)', async () => {
    rig.cloud.rule = () => refuse('quota', 'VcpuLimitExceeded')
    rig.decider.decide = () => [launch()]
    for (let second = 0; second < 600; second += 2.5) {
      await rig.scale()
      rig.advance(2_500)
    }
    expect(rig.cloud.launches.length).toBeGreaterThan(60)
    expect(rig.cloud.launches.length).toBeLessThanOrEqual(120)
  })

  test('user data that EC2 would not take: refused before the call, with the cure', async () => {
    const pool = rig.herd.pools[0]
    if (!pool) throw new Error('no pool')
    const other = rig.another({ pools: [{ ...pool, provider: { ...pool.provider, startupScript: 'x'.repeat(13_000) } }] })
    once(launch())
    await other.scale()
    expect(rig.cloud.launches).toEqual([])
    expect(await texts(rig, 'launch-failed')).toEqual([expect.stringContaining('make startup_script shorter')])
  })

  test('a master that is no longer the leader writes nothing and calls nothing', async () => {
    const zombie = rig.another({ leaderEpoch: () => 0 })
    rig.decider.decide = () => [launch()]
    await expect(zombie.scale()).rejects.toThrow(NotLeaderError)
    expect(rig.cloud.launches).toEqual([])
    expect(await launches()).toEqual([])
  })

  test('a leader deposed during its call: the reply is dropped, the next leader learns it by the same token', async () => {
    const door = rig.cloud.open('us-east-1')
    const deposing = { ...door, launch: async (call: Parameters<typeof door.launch>[0]) => {
      const made = await door.launch(call)
      await rig.db.updateTable('leader').set({ epoch: 2 }).execute()
      return made
    } }
    const zombie = rig.another({ clouds: { of: () => Promise.resolve(deposing), close: async () => undefined } })
    once(launch())
    await zombie.scale()
    try {
      expect((await launches()).map((one) => one.state)).toEqual(['LAUNCHING'])
      rig.advance(5_000)
      const next = rig.another({ leaderEpoch: () => 2 })
      rig.decider.decide = (world) => world.launches.map((open) => ({ kind: 'call-again' as const, launch: open.launch, reason: 'no answer' }))
      await next.scale()
      expect((await launches()).map((one) => one.state)).toEqual(['DONE'])
      expect(rig.cloud.instances.size).toBe(1)
    } finally {
      await rig.db.updateTable('leader').set({ epoch: 1 }).execute()
    }
  })

  /** The rig's clock is only ever moved ahead. */
  function clockAhead(): number {
    return Math.round(rig.herd.clock.monotonicMs() - performance.now())
  }
})
