import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../intake/take-events.ts'
import { scale } from '../scale/decide.ts'
import { findInstance, listInstances, listLaunches } from '../store/queries/herd.ts'
import { countInstances, listDryMarks, listPoolRows } from '../store/queries/pools.ts'
import { refuse } from '../cloud/double.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { openHerdRig, provider, speak, states, texts, type HerdRig } from './herd-rig.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { drained, exit, newExperiment, numbered, state } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

const OPEN = { includeGone: false, limit: 10, offset: 0 }

describe.skipIf(!PG_ADMIN_URL)('the herd with its real decider', () => {
  let rig: HerdRig
  beforeAll(async () => { rig = await openHerdRig([{ name: 'gpu', provider: provider({ market: 'spot-then-on-demand' }) }]) })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    await rig.clear()
    await rig.db.deleteFrom('cursors').execute()
    rig.decider.decide = scale
  })

  async function submit(): Promise<string> {
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig, { resources: { slots_per_trial: 1, resource_pool: 'gpu', priority: null, shm_size: null } }))
    return `trial-${trialId}.1`
  }
  const report = (id: string, from: number, ...events: NewAgentEvent[]) => takeEvents(rig.events, id, { v: 1, inc: 1, events: numbered(from, events) })

  test('from a waiting allocation to an instance that is gone again', async () => {
    const allocation = await submit()
    await schedulePass(rig.deps)
    await rig.scale()
    expect(rig.cloud.launches).toMatchObject([{ type: 'g5.xlarge', market: 'spot', max: 1, place: { zone: 'us-east-1a' } }])
    const [{ id } = { id: '' }] = (await listInstances(rig.db, { ...OPEN, pool: 'gpu' })).instances
    expect(await findInstance(rig.db, id)).toMatchObject({ state: 'STARTING', per_hour: 0.5, console: '' })
    expect((await listLaunches(rig.db, OPEN)).launches).toMatchObject([{ allocations: [allocation], reason: expect.stringContaining('allocation'), instances: [id] }])
    const told = await rig.db.selectFrom('events').select(['kind', 'experiment_id']).where('kind', 'like', 'launch-%').orderBy('id').execute()
    const of = await rig.db.selectFrom('experiments').select('id').executeTakeFirstOrThrow()
    expect(told).toEqual([{ kind: 'launch-decided', experiment_id: of.id }, { kind: 'launch-done', experiment_id: of.id }])
    await rig.scale()
    expect(rig.cloud.launches).toHaveLength(1)
    await speak(rig, id, 1)
    await rig.scale()
    await schedulePass(rig.deps)
    expect((await listInstances(rig.db, OPEN)).instances).toMatchObject([{ state: 'READY', live: [{ id: allocation }] }])
    rig.advance(600_000)
    await rig.db.updateTable('agents').set({ seen_at: new Date(Date.now() + 600_000) }).execute()
    await rig.scale()
    expect(await states(rig)).toEqual(['READY'])
    await report(id, 1, state(allocation, 'RUNNING'), exit(allocation, 'completed'), drained(allocation))
    await lifecyclePass(rig.deps)
    // sealed by the database's own time, which the rig's is ahead of: idle for ten minutes
    await rig.scale()
    expect(await states(rig)).toEqual(['RETIRING'])
    await rig.db.updateTable('agents').set({ drained: true }).execute()
    await rig.scale()
    expect(rig.cloud.terminated).toEqual([[id]])
    await rig.truth(true)
    expect(await states(rig)).toEqual(['GONE'])
    expect(await rig.db.selectFrom('join_tokens').selectAll().execute()).toEqual([])
    expect((await listInstances(rig.db, OPEN)).instances).toEqual([])
    expect((await rig.db.selectFrom('events').select('kind').where('instance_id', '=', id).orderBy('id').execute()).map((row) => row.kind))
      .toEqual(['launch-done', 'instance-ready', 'instance-retiring', 'instance-terminating', 'instance-gone'])
  })

  test('what EC2 refuses is passed by: the next offer is tried, the pool says why; a quota calls rarely', async () => {
    await submit()
    rig.cloud.rule = (call) => (call.market === 'spot' ? refuse('quota', 'MaxSpotInstanceCountExceeded') : call.place.zone === 'us-east-1a' ? refuse('capacity', 'InsufficientInstanceCapacity') : null)
    for (let call = 0; call < 6; call += 1) {
      await rig.scale()
      rig.advance(5_000)
    }
    expect(rig.cloud.launches.map((call) => `${call.type} ${call.place.zone} ${call.market}`)).toEqual([
      'g5.xlarge us-east-1a spot', 'g6.xlarge us-east-1a spot', 'g5.xlarge us-east-1a on-demand', 'g5.xlarge us-east-1b on-demand',
    ])
    const { launches: failures } = await listLaunches(rig.db, { ...OPEN, pool: 'gpu', states: ['FAILED'] })
    expect(failures.map((failure) => failure.error_code)).toEqual(['InsufficientInstanceCapacity', 'MaxSpotInstanceCountExceeded', 'MaxSpotInstanceCountExceeded'])
    expect(await countInstances(rig.db)).toEqual([{ pool: 'gpu', state: 'STARTING', count: 1, per_hour: 1.006, unpriced: 0 }])
    expect(await listPoolRows(rig.db)).toMatchObject([{ name: 'gpu', paused: null }])
    expect((await listDryMarks(rig.db)).map((mark) => `${mark.zone} ${mark.market}`).sort()).toEqual([' spot', ' spot', 'us-east-1a on-demand'])
  })

  test('everything refused for ten simulated minutes: at most 120 calls, and the sentence says what and when (F33)', async () => {
    await submit()
    rig.cloud.rule = () => refuse('quota', 'VcpuLimitExceeded')
    for (let second = 0; second < 600; second += 5) {
      await rig.scale()
      rig.advance(5_000)
    }
    // four offers, each again when its mark is over
    expect(rig.cloud.launches.length).toBeLessThanOrEqual(20)
    const note = (await listPoolRows(rig.db))[0]?.note ?? ''
    expect(note).toMatch(/1 allocation waits.*EC2 refused .*VcpuLimitExceeded.*tried again from.*\. Cure: ask AWS for more vCPUs/)
    expect(note.match(/Cure:/g)).toHaveLength(1)
    await rig.db.deleteFrom('experiments').execute()
    await rig.scale()
    expect((await listPoolRows(rig.db))[0]?.note).toBe('')
  })

  test('boots that never register: three strikes with their consoles, then the pool is paused and nothing is spent', async () => {
    await submit()
    rig.cloud.consoleText = 'no network'
    for (let minute = 0; minute < 80; minute += 1) {
      await rig.scale()
      await rig.scale()
      await rig.truth(true)
      rig.advance(60_000)
    }
    expect(await states(rig)).toEqual(['GONE', 'GONE', 'GONE'])
    expect(rig.cloud.launches).toHaveLength(3)
    expect((await listPoolRows(rig.db))[0]).toMatchObject({ strikes: 3, paused: expect.stringContaining('never registered') })
    expect((await rig.db.selectFrom('instances').select('console').execute()).map((row) => row.console)).toEqual(['no network', 'no network', 'no network'])
    expect(await rig.db.selectFrom('alarms').select('key').execute()).toEqual([{ key: 'pool-paused:gpu' }])
    expect(await texts(rig, 'pool-paused')).toHaveLength(1)
  })

  test('the reply to a launch is lost and the master restarts: one instance, with the real decider', async () => {
    await submit()
    rig.cloud.loseReplies = 3
    for (let call = 0; call < 8; call += 1) {
      await rig.another().scale()
      rig.advance(6_000)
    }
    expect(rig.cloud.launches).toHaveLength(4)
    expect(new Set(rig.cloud.launches.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(await states(rig)).toEqual(['STARTING'])
    expect(rig.cloud.instances.size).toBe(1)
  })

  test('while the brake is on nothing is retired, terminated or cleared away (F45)', async () => {
    await submit()
    await rig.scale()
    const [id = ''] = rig.cloud.instances.keys()
    await speak(rig, id, 1)
    await rig.scale()
    await rig.db.deleteFrom('experiments').execute()
    const orphan = rig.cloud.insert({})
    await rig.truth(true)
    await rig.db.insertInto('alarms').values({ key: 'brake', text: 'many are silent' }).execute()
    rig.advance(900_000)
    await rig.scale()
    await rig.truth(true)
    expect(await states(rig)).toEqual(['READY'])
    expect(rig.cloud.terminated).toEqual([])
    await rig.db.deleteFrom('alarms').execute()
    await rig.scale()
    await rig.truth(true)
    expect(await states(rig)).toEqual(['RETIRING'])
    expect(rig.cloud.terminated).toEqual([[orphan]])
  })

  test('a pool that was taken out of the configuration: its instances end when no work lives on them', async () => {
    await submit()
    await rig.scale()
    const without = rig.another({ pools: [] })
    await without.scale()
    await without.scale()
    expect(await states(rig)).toEqual(['TERMINATING'])
    expect(rig.cloud.terminated).toHaveLength(1)
  })
})
