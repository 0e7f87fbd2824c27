import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ScaleDecision } from '../scale/world.ts'
import { refuse } from '../cloud/double.ts'
import { takeHeartbeat } from '../intake/take-heartbeat.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { launch, openHerdRig, provider, speak, states, texts, type HerdRig } from './herd-rig.ts'
import { heartbeat, newExperiment } from './rig.ts'
import { applyRetire, applyTerminate } from './scale-apply.ts'
import { applyAssigns } from './schedule-apply.ts'
import { loadAgents } from './schedule-load.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('instances from their first word to their end', () => {
  let rig: HerdRig
  beforeAll(async () => { rig = await openHerdRig([{ name: 'gpu', provider: provider() }, { name: 'far', provider: provider({ name: 'far', region: 'eu-west-1' }) }]) })
  afterAll(async () => rig.drop())
  beforeEach(async () => rig.clear())

  const once = (...decisions: ScaleDecision[]): void => {
    rig.decider.decide = () => decisions.splice(0)
  }
  const retire = (id: string) => ({ kind: 'retire' as const, instance: id, reason: 'it idles' })
  const end = (id: string, strike = false) => ({ kind: 'terminate' as const, instance: id, strike, reason: 'the test ends it' })
  const agent = (id: string) => rig.db.selectFrom('agents').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

  /** Ids of instances; with `slots` their agents have spoken. */
  async function launched(count: number, slots: number | null = 1): Promise<string[]> {
    once(launch({ count }))
    await rig.scale()
    const ids = (await rig.db.selectFrom('instances').select('id').where('state', '=', 'STARTING').orderBy('id').execute()).map((row) => row.id)
    if (slots !== null) for (const id of ids) await speak(rig, id, slots)
    if (slots !== null) await rig.scale()
    return ids
  }
  /** An allocation of the pool that waits. */
  async function submitted(slots = 1): Promise<string> {
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig, { resources: { slots_per_trial: slots, resource_pool: 'gpu', priority: null, shm_size: null } }))
    await rig.db.updateTable('allocations').set({ pool: 'gpu' }).where('id', '=', `trial-${trialId}.1`).execute()
    return `trial-${trialId}.1`
  }

  test('the first heartbeat with an inventory: READY, strikes forgiven, boot time told', async () => {
    const [id = ''] = await launched(1, null)
    await rig.db.updateTable('pools').set({ strikes: 2 }).execute()
    await rig.db.insertInto('agents').values({ id, pool: 'gpu', hostname: 'h', public_key: 'U', version: '0', disabled_slots: '[]', seen_at: new Date() }).execute()
    await rig.scale()
    expect(await states(rig)).toEqual(['STARTING'])
    rig.advance(90_000)
    await rig.db.deleteFrom('agents').execute()
    await speak(rig, id, 1)
    // its presence is written a moment after its inventory: the scheduler would not place anything on it yet
    await rig.db.updateTable('agents').set({ seen_at: null }).execute()
    await rig.scale()
    expect(await states(rig)).toEqual(['STARTING'])
    await rig.db.updateTable('agents').set({ seen_at: new Date() }).execute()
    await rig.scale()
    expect(await rig.db.selectFrom('instances').select(['state', 'registered_at']).execute()).toEqual([{ state: 'READY', registered_at: expect.any(Date) }])
    expect(await rig.db.selectFrom('pools').select('strikes').where('name', '=', 'gpu').execute()).toEqual([{ strikes: 0 }])
    expect(await texts(rig, 'instance-ready')).toEqual([expect.stringMatching(new RegExp(`instance ${id} \\(g5.xlarge\\) is ready (9\\d|1\\d\\d+) s after its launch, with 1 slots`))])
    expect(await texts(rig, 'instance-slots')).toEqual([])
    await rig.scale()
    expect(await texts(rig, 'instance-ready')).toHaveLength(1)
  })

  test('fewer slots than the type promises: both numbers are told', async () => {
    once(launch({ offer: { type: 'g5.12xlarge', subnet: null, zone: 'us-east-1a', market: 'on-demand', slots: 4, perHour: null } }))
    await rig.scale()
    const [row] = await rig.db.selectFrom('instances').select('id').execute()
    await speak(rig, row?.id ?? '', 3)
    await rig.scale()
    expect(await texts(rig, 'instance-slots')).toEqual([expect.stringContaining('has 3 slots, its type g5.12xlarge promises 4')])
    await rig.scale()
    expect(rig.worlds.at(-1)?.instances).toMatchObject([{ slots: 3 }])
  })

  test('retire, drain, terminate, gone: the whole way with the agent asked and heard', async () => {
    const [id = ''] = await launched(1)
    const before = await agent(id)
    once(retire(id))
    await rig.scale()
    expect(await states(rig)).toEqual(['RETIRING'])
    const after = await agent(id)
    expect(after).toMatchObject({ retiring: 'it idles', drained: false })
    expect(after.generation).toBeGreaterThan(before.generation)
    expect(rig.poked).toContain(id)
    expect(await texts(rig, 'instance-retiring')).toEqual([`instance ${id} retires: it idles`])
    const intake = { db: rig.db, incarnation: rig.incarnation, wake: rig.deps.wake, presence: { note: () => undefined, ended: Promise.resolve() } }
    const reply = await takeHeartbeat(intake, id, heartbeat(rig, { have: before.generation, inventoryHash: after.inventory_hash }))
    expect(reply).toMatchObject({ kind: 'desired', retire: 'it idles' })
    await takeHeartbeat(intake, id, heartbeat(rig, { have: after.generation, inventoryHash: after.inventory_hash, drained: true }))
    await rig.scale()
    expect(rig.worlds.at(-1)?.instances).toMatchObject([{ id, state: 'RETIRING', drained: true }])
    once(end(id))
    await rig.scale()
    expect(rig.cloud.terminated).toEqual([[id]])
    await rig.truth(true)
    expect(await rig.db.selectFrom('instances').select(['state', 'state_reason', 'gone_at']).execute()).toEqual([{ state: 'GONE', state_reason: 'the test ends it (EC2: Client.UserInitiatedShutdown: User initiated shutdown)', gone_at: expect.any(Date) }])
    expect(await texts(rig, 'instance-gone')).toEqual([expect.stringMatching(/has ended: the test ends it/)])
    expect([...rig.woken]).toEqual(expect.arrayContaining(['loss', 'scale', 'lifecycle']))
  })

  test('an end is told to the experiment that waits for the instance, and to no other', async () => {
    const allocation = await submitted(2)
    await submitted(1)
    once(launch({ count: 2, gang: true, allocations: [allocation] }))
    await rig.scale()
    const [first = '', second = ''] = (await rig.db.selectFrom('instances').select('id').orderBy('id').execute()).map((row) => row.id)
    await speak(rig, second, 1)
    await rig.scale()
    once(end(first), retire(second))
    await rig.scale()
    const ends = rig.db.selectFrom('events as v').leftJoin('experiments as e', 'e.id', 'v.experiment_id').leftJoin('tasks as k', 'k.experiment_id', 'e.id').leftJoin('allocations as a', 'a.task_id', 'k.id')
      .select(['v.kind', 'v.instance_id', 'a.id']).where('v.kind', 'in', ['instance-terminating', 'instance-retiring']).orderBy('v.id')
    expect(await ends.execute()).toEqual([{ kind: 'instance-terminating', instance_id: first, id: allocation }, { kind: 'instance-retiring', instance_id: second, id: allocation }])
    await rig.db.updateTable('allocations').set({ state: 'SEALED' }).where('id', '=', allocation).execute()
    rig.advance(5_000)
    const [third = ''] = (await launched(1)).filter((id) => id !== first && id !== second)
    once(retire(third))
    await rig.scale()
    expect((await ends.execute()).at(-1)).toEqual({ kind: 'instance-retiring', instance_id: third, id: null })
  })

  test('nobody retires or ends an instance with a live allocation (I8), DRAINING ones too; a lost agent is no hindrance', async () => {
    const [id = ''] = await launched(1)
    const allocation = await submitted()
    await schedulePass(rig.deps)
    for (const state of ['ASSIGNED', 'DRAINING'] as const) {
      await rig.db.updateTable('allocations').set({ state }).where('id', '=', allocation).execute()
      expect(await applyRetire(rig.herd, 1, retire(id))).toBe(false)
      expect(await applyTerminate(rig.herd, 1, end(id), '')).toBe(false)
    }
    expect(await states(rig)).toEqual(['READY'])
    await rig.scale()
    expect(rig.worlds.at(-1)?.instances).toMatchObject([{ live: [allocation], idleSince: null }])
    await rig.db.updateTable('agents').set({ lost_at: new Date() }).execute()
    expect(await applyTerminate(rig.herd, 1, end(id), '')).toBe(true)
  })

  test('retire against a schedule pass, interleaved both ways: one of them wins, never both (I1, I8)', async () => {
    const [first = '', second = ''] = await launched(2)
    await rig.db.updateTable('agents').set({ enabled: false }).where('id', '=', second).execute()
    const allocation = await submitted()
    const members = [{ rank: 0, agent: first, slots: ['cpu0'] }]
    // the retirement holds the agent's row when the placement asks for it
    const open = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const holder = rig.db.transaction().execute(async (tx) => {
      await sql`SELECT 1 FROM agents WHERE id = ${first} FOR UPDATE`.execute(tx)
      locked.resolve()
      await open.promise
    })
    await locked.promise
    const retiring = applyRetire(rig.herd, 1, retire(first))
    await blocked(1)
    const placing = applyAssigns(rig.deps, 1, [{ kind: 'assign', allocation, members, reason: 'x' }], { agents: await loadAgents(rig.db), assignments: new Map() }).then((placed) => placed.length > 0)
    await blocked(2)
    open.resolve()
    await holder
    const [retired, placed] = await Promise.all([retiring, placing])
    expect([retired, placed].filter(Boolean)).toHaveLength(1)
    const row = await rig.db.selectFrom('allocations').select('state').where('id', '=', allocation).executeTakeFirstOrThrow()
    expect(row.state).toBe(retired ? 'PENDING' : 'ASSIGNED')

    // and many times without an order given, against whole passes of the scheduler
    for (let round = 0; round < 24; round += 1) {
      await rig.db.deleteFrom('allocation_members').execute()
      await rig.db.updateTable('allocations').set({ state: 'PENDING' }).execute()
      await rig.db.updateTable('agents').set({ retiring: null, seen_at: new Date() }).execute()
      await rig.db.updateTable('instances').set({ state: 'READY' }).execute()
      const pause = new Promise((resolve) => setTimeout(resolve, round % 8))
      const [won] = await Promise.all([pause.then(() => applyRetire(rig.herd, 1, retire(first))), schedulePass(rig.deps)])
      const after = await rig.db.selectFrom('allocations').select('state').where('id', '=', allocation).executeTakeFirstOrThrow()
      expect(after.state).toBe(won ? 'PENDING' : 'ASSIGNED')
      expect((await rig.db.selectFrom('instances').select('state').where('id', '=', first).executeTakeFirstOrThrow()).state).toBe(won ? 'RETIRING' : 'READY')
    }
  })

  test('a strike: console output first, then the end; three pause the pool; a person resumes it', async () => {
    const [id = ''] = await launched(1, null)
    rig.cloud.consoleText = `kernel panic\u0000${'x'.repeat(10)}`
    once(end(id, true))
    await rig.scale()
    expect(await rig.db.selectFrom('instances').select(['state', 'console']).execute()).toEqual([{ state: 'TERMINATING', console: `kernel panic\uFFFD${'x'.repeat(10)}` }])
    await rig.scale()
    expect(rig.worlds.at(-1)?.pools.find((pool) => pool.policy.name === 'gpu')).toMatchObject({ strikes: 1 })
    expect(rig.cloud.terminated).toEqual([[id]])
    once({ kind: 'pause', pool: 'gpu', reason: '3 boots in a row never registered' })
    await rig.scale()
    expect(await rig.db.selectFrom('alarms').select(['key', 'text']).execute()).toEqual([{ key: 'pool-paused:gpu', text: 'pool gpu launches nothing more: 3 boots in a row never registered' }])
    rig.advance(60_000)
    once(launch())
    await rig.scale()
    expect(rig.cloud.launches).toHaveLength(1)
    expect(await rig.commands.resumePool('gpu', 'ann')).toEqual({ kind: 'done' })
    expect(await rig.commands.resumePool('gpu', 'ann')).toEqual({ kind: 'done' })
    expect(await rig.commands.resumePool('no-such', 'ann')).toEqual({ kind: 'not-found' })
    expect(await rig.db.selectFrom('alarms').selectAll().execute()).toEqual([])
    expect(await texts(rig, 'pool-resumed')).toEqual([expect.stringContaining('resumed by ann')])
    once(launch())
    await rig.scale()
    expect(rig.cloud.launches).toHaveLength(2)
    expect(await rig.db.selectFrom('pools').select(['strikes', 'paused']).where('name', '=', 'gpu').execute()).toEqual([{ strikes: 0, paused: null }])
  })

  test('a console that cannot be had, or hangs, holds up no end', async () => {
    const [id = ''] = await launched(1, null)
    rig.cloud.consoleText = refuse('permission', 'UnauthorizedOperation')
    once(end(id, true))
    await rig.scale()
    await rig.scale()
    expect(rig.cloud.terminated).toEqual([[id]])
    const [next = ''] = await (async () => {
      rig.advance(5_000)
      return launched(1, null)
    })()
    const hanging = rig.another({ clouds: { of: async (region) => ({ ...rig.cloud.open(region), console: () => new Promise<string>(() => undefined) }), close: async () => undefined } })
    hanging.herd.clock = { ...hanging.herd.clock, sleep: () => Promise.resolve() }
    once(end(next, true))
    await hanging.scale()
    expect((await states(rig)).filter((state) => state === 'TERMINATING')).toHaveLength(2)
  })

  test('an instance whose agent registered meanwhile is no strike', async () => {
    const [id = ''] = await launched(1)
    expect(await applyTerminate(rig.herd, 1, end(id, true), '')).toBe(false)
    expect(await states(rig)).toEqual(['READY'])
  })

  test('what is TERMINATING is asked for again, with pauses, until EC2 says so; a person hears of it', async () => {
    const [id = ''] = await launched(1)
    // as the loop of loss does it: the row alone
    await rig.db.updateTable('instances').set({ state: 'TERMINATING' }).where('id', '=', id).execute()
    rig.cloud.down.set('us-east-1', refuse('permission', 'UnauthorizedOperation'))
    for (let round = 0; round < 4; round += 1) {
      await rig.scale()
      await rig.scale()
      rig.advance(61_000)
    }
    expect(await rig.db.selectFrom('alarms').select(['key', 'text']).execute()).toEqual([{ key: 'terminate-failing:us-east-1', text: expect.stringMatching(/did not end i-.*UnauthorizedOperation.*go on to cost money/) }])
    rig.cloud.down.clear()
    await rig.scale()
    expect(rig.cloud.terminated).toEqual([[id]])
    await rig.scale()
    expect(rig.cloud.terminated).toHaveLength(1)
    expect(await rig.db.selectFrom('alarms').selectAll().execute()).toEqual([])
    rig.advance(61_000)
    await rig.scale()
    expect(rig.cloud.terminated).toHaveLength(2)
    await rig.truth(true)
    rig.advance(61_000)
    await rig.scale()
    expect(rig.cloud.terminated).toHaveLength(2)
  })

  test('a region that cannot be asked: its pool has a note with the cure, the other launches', async () => {
    rig.cloud.down.set('eu-west-1', refuse('permission', 'UnauthorizedOperation', 'you may not'))
    // facts that are known stay in use: a master that starts has none
    const fresh = rig.another()
    once(launch(), { kind: 'tell', pool: 'gpu', text: 'one waits' }, { kind: 'tell', pool: 'far', text: 'this is not what people must read' })
    await fresh.scale()
    expect(rig.cloud.launches).toHaveLength(1)
    expect(await rig.db.selectFrom('pools').select(['name', 'note']).orderBy('name').execute()).toEqual([
      { name: 'far', note: expect.stringMatching(/EC2 in eu-west-1 cannot be asked about this pool: UnauthorizedOperation: you may not; .{10}/) }, { name: 'gpu', note: 'one waits' },
    ])
    expect(rig.worlds.at(-1)?.pools.find((pool) => pool.policy.name === 'far')).toMatchObject({ types: [], policy: { places: [] } })
    rig.cloud.down.clear()
    rig.advance(61_000)
    once({ kind: 'tell', pool: 'far', text: '' })
    await fresh.scale()
    expect(rig.worlds.at(-1)?.pools.find((pool) => pool.policy.name === 'far')?.types).toHaveLength(2)
    expect((await rig.db.selectFrom('pools').select('note').where('name', '=', 'far').executeTakeFirst())?.note).toBe('')
  })

  test('with nothing new every loop falls silent (I10)', async () => {
    await launched(1)
    await rig.scale()
    await rig.truth(true)
    const events = await rig.db.selectFrom('events').select('id').execute()
    rig.woken.clear()
    await rig.scale()
    await rig.truth(true)
    expect([...rig.woken]).toEqual([])
    expect(await rig.db.selectFrom('events').select('id').execute()).toHaveLength(events.length)
  })

  /** Waits until so many statements of this database wait for a lock. */
  async function blocked(count: number): Promise<void> {
    for (;;) {
      const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(rig.db)
      if ((rows[0]?.n ?? 0) >= count) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
})
