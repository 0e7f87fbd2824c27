import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refuse } from '../cloud/double.ts'
import { NotLeaderError } from '../store/leader.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { launch, openHerdRig, provider, speak, states, texts, type HerdRig } from './herd-rig.ts'
import { experimentConfig, newExperiment } from './rig.ts'
import { applyTruth } from './truth-apply.ts'
import { newMemory } from './truth-load.ts'
import { truthPass, type TruthMemories } from './truth-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('rows held against EC2', () => {
  let rig: HerdRig
  beforeAll(async () => { rig = await openHerdRig([{ name: 'gpu', provider: provider({ maxInstances: 50 }) }, { name: 'far', provider: provider({ name: 'far', region: 'eu-west-1' }) }]) })
  afterAll(async () => rig.drop())
  beforeEach(async () => rig.clear())

  async function launched(count: number, over: Parameters<typeof launch>[0] = {}): Promise<string[]> {
    rig.decider.decide = () => [launch({ count, ...over })]
    rig.advance(5_000)
    await rig.scale()
    rig.decider.decide = () => []
    const newest = await rig.db.selectFrom('launches').select('id').orderBy('decided_at', 'desc').executeTakeFirstOrThrow()
    return (await rig.db.selectFrom('instances').select('id').where('launch_id', '=', newest.id).orderBy('id').execute()).map((row) => row.id)
  }
  const row = (id: string) => rig.db.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

  test('an instance that ended outside of Drover, and one that EC2 took: GONE with the reason, loops woken, learned from', async () => {
    const [first = '', second = '', third = ''] = await launched(3)
    await speak(rig, first, 1)
    await rig.scale()
    rig.cloud.set(first, 'terminated', 'Client.UserInitiatedShutdown: User initiated shutdown')
    rig.cloud.set(second, 'shutting-down', 'Server.SpotInstanceTermination: Spot instance termination')
    rig.cloud.set(third, 'terminated', 'Server.InternalError: Internal error on launch')
    rig.woken.clear()
    await rig.truth(true)
    expect(await states(rig)).toEqual(['GONE', 'GONE', 'GONE'])
    expect(await row(first)).toMatchObject({ state_reason: 'Client.UserInitiatedShutdown: User initiated shutdown', gone_at: expect.any(Date) })
    expect(await texts(rig, 'instance-gone')).toEqual([
      expect.stringMatching(/ended outside of Drover: Client.UserInitiatedShutdown/), expect.stringMatching(/taken away by EC2 \(spot interruption\).*left alone/), expect.stringMatching(/InternalError.*counts against its pool/),
    ])
    expect([...rig.woken].sort()).toEqual(['feed', 'lifecycle', 'loss', 'scale'])
    expect(await rig.db.selectFrom('dry_marks').select(['type', 'zone', 'kind', 'code']).execute()).toEqual([{ type: 'g5.xlarge', zone: 'us-east-1a', kind: 'capacity', code: 'Server.SpotInstanceTermination' }])
    expect(await rig.db.selectFrom('pools').select('strikes').where('name', '=', 'gpu').execute()).toEqual([{ strikes: 1 }])
  })

  test('an empty list, again and again: nothing ends before ten minutes, and never what EC2 knows by its id (F35)', async () => {
    const [known = '', unknown = ''] = await launched(2)
    rig.cloud.emptyLists = true
    rig.cloud.hidden.set(unknown, { byId: true })
    for (let minute = 0; minute < 10; minute += 1) {
      await rig.truth(true)
      expect(await states(rig)).toEqual(['STARTING', 'STARTING'])
      rig.advance(60_000)
    }
    expect(await row(unknown)).toMatchObject({ missed: 10, missed_since: expect.any(Date) })
    expect(await row(known)).toMatchObject({ missed: 0 })
    await rig.truth(true)
    expect([await row(known), await row(unknown)]).toMatchObject([{ state: 'STARTING' }, { state: 'GONE', state_reason: expect.stringContaining('EC2 does not know it') }])
    expect(rig.cloud.terminated).toEqual([])
  })

  test('one list that lacks it, then it is back: forgotten', async () => {
    const [id = ''] = await launched(1)
    rig.cloud.hidden.set(id, { byId: true })
    await rig.truth(true)
    expect(await row(id)).toMatchObject({ missed: 1 })
    rig.cloud.hidden.clear()
    await rig.truth(true)
    expect(await row(id)).toMatchObject({ missed: 0, missed_since: null, private_ip: '10.0.0.9' })
  })

  test('an instance of a launch whose reply was lost is taken in; the rest of it still counts against the cap', async () => {
    rig.cloud.loseReplies = 1
    rig.decider.decide = () => [launch({ count: 2 })]
    await rig.scale()
    rig.decider.decide = () => []
    const [first = '', second = ''] = rig.cloud.instances.keys()
    rig.cloud.hidden.set(second, { byId: false })
    await rig.truth(true)
    expect(await rig.db.selectFrom('instances').select(['id', 'state', 'pool', 'slots', 'per_hour']).execute()).toEqual([{ id: first, state: 'STARTING', pool: 'gpu', slots: 1, per_hour: 1.006 }])
    expect(await rig.db.selectFrom('launches').select('state').execute()).toEqual([{ state: 'LAUNCHING' }])
    rig.cloud.hidden.clear()
    await rig.truth(true)
    expect(await states(rig)).toEqual(['STARTING', 'STARTING'])
    expect(await rig.db.selectFrom('launches').select('state').execute()).toEqual([{ state: 'DONE' }])
    expect(await texts(rig, 'instance-adopted')).toHaveLength(2)
    expect(rig.cloud.terminated).toEqual([])
  })

  test('a launch without an answer and without an instance: FAILED after ten minutes and two lists', async () => {
    rig.cloud.rule = () => refuse('unavailable', 'InternalError')
    rig.decider.decide = () => [launch()]
    await rig.scale()
    rig.decider.decide = () => []
    for (let minute = 0; minute < 10; minute += 1) {
      await rig.truth(true)
      expect(await rig.db.selectFrom('launches').select('state').execute()).toEqual([{ state: 'LAUNCHING' }])
      rig.advance(60_000)
    }
    await rig.truth(true)
    expect(await rig.db.selectFrom('launches').select(['state', 'error_code', 'settled_at']).execute()).toEqual([{ state: 'FAILED', error_code: 'OutcomeUnknown', settled_at: expect.any(Date) }])
    expect(await texts(rig, 'launch-failed')).toEqual([expect.stringContaining('given up')])
    expect(await rig.db.selectFrom('join_tokens').selectAll().execute()).toEqual([])
  })

  test('an orphan: noted, looked at again a list later, then ended; others\' instances never (F37)', async () => {
    const orphan = rig.cloud.insert({ launch: 'no-launch-of-ours' })
    const foreign = rig.cloud.insert({ cluster: 'another-cluster' })
    await rig.truth(true)
    await rig.truth(true)
    expect(rig.cloud.terminated).toEqual([])
    expect(await texts(rig, 'orphan-seen')).toEqual([expect.stringMatching(/without a row: this cluster knows no launch no-launch-of-ours.*terminated in 60 s/)])
    rig.advance(60_000)
    await rig.truth(true)
    expect(rig.cloud.terminated).toEqual([[orphan]])
    expect(await texts(rig, 'orphan-ended')).toHaveLength(1)
    await rig.truth(true)
    expect(await rig.db.selectFrom('orphans').selectAll().execute()).toEqual([])
    expect(rig.cloud.instances.get(foreign)?.state).toBe('running')
  })

  test('an orphan that EC2 does not end is asked for again, a list apart', async () => {
    const id = rig.cloud.insert({})
    await rig.truth(true)
    rig.advance(60_000)
    await rig.truth(true)
    rig.cloud.set(id, 'running')
    await rig.truth(true)
    expect(rig.cloud.terminated).toHaveLength(1)
    rig.advance(60_000)
    await rig.truth(true)
    expect(rig.cloud.terminated).toHaveLength(2)
  })

  test('a row that came between decision and deed saves the instance', async () => {
    const [id = ''] = await launched(1)
    await rig.db.insertInto('orphans').values({ id, region: 'us-east-1' }).execute()
    await applyTruth(rig.herd, 1, 'us-east-1', { kind: 'end-orphan', instance: id, reason: 'x' })
    expect(rig.cloud.terminated).toEqual([])
  })

  test('nine orphans of a launch that was given up: five a pass', async () => {
    const given = await rig.db.insertInto('launches').values({ id: 'given-up', pool: 'gpu', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', gang: false, count: 9, slots: 1, subnet: null, per_hour: null, state: 'FAILED', error_kind: null }).returning('id').executeTakeFirstOrThrow()
    for (let index = 0; index < 9; index += 1) rig.cloud.insert({ launch: given.id })
    await rig.truth(true)
    for (const ended of [5, 9]) {
      rig.advance(60_000)
      await rig.truth(true)
      expect(rig.cloud.terminated).toHaveLength(ended)
    }
  })

  test('the database forgot: nothing is ended, an alarm says so and goes when the rows are back', async () => {
    await launched(4)
    await rig.truth(true)
    const rows = await rig.db.selectFrom('instances').selectAll().execute()
    const kept = await rig.db.selectFrom('launches').selectAll().execute()
    await rig.db.deleteFrom('instances').execute()
    await rig.db.deleteFrom('join_tokens').execute()
    await rig.db.deleteFrom('launches').execute()
    for (let pass = 0; pass < 4; pass += 1) {
      await rig.truth(true)
      rig.advance(60_000)
    }
    expect(rig.cloud.terminated).toEqual([])
    expect(await rig.db.selectFrom('alarms').select(['key', 'text']).execute()).toEqual([{ key: 'truth-halted:us-east-1', text: expect.stringContaining('Is this the right database') }])
    expect(await texts(rig, 'truth-halted')).toHaveLength(1)
    // a master that starts anew remembers no pass, and sees all the same that too many are unknown
    await truthPass(rig.herd, new Map())
    await rig.herd.background.settled()
    expect(rig.cloud.terminated).toEqual([])
    await rig.db.insertInto('launches').values(kept.map((one) => ({ ...one, allocations: '[]' }))).execute()
    await rig.db.insertInto('instances').values(rows).execute()
    await rig.truth(true)
    expect(await rig.db.selectFrom('alarms').selectAll().execute()).toEqual([])
    expect(await states(rig)).toEqual(['STARTING', 'STARTING', 'STARTING', 'STARTING'])
  })

  test('our own ends are no loss of rows', async () => {
    const ids = await launched(4)
    await rig.truth(true)
    for (const id of ids) rig.cloud.set(id, 'terminated', 'Client.UserInitiatedShutdown')
    await rig.truth(true)
    await rig.truth(true)
    expect(await rig.db.selectFrom('alarms').selectAll().execute()).toEqual([])
  })

  test('stopped instances of ours are ended', async () => {
    const [id = ''] = await launched(1)
    rig.cloud.set(id, 'stopped', 'Client.InstanceInitiatedShutdown')
    await rig.truth(true)
    expect(await row(id)).toMatchObject({ state: 'TERMINATING', state_reason: expect.stringContaining('never stopped') })
    await rig.scale()
    expect(rig.cloud.terminated).toEqual([[id]])
  })

  test('asked by id between lists: who starts, who ends and whose agent is silent, each 15 s', async () => {
    const [starting = '', heard = '', silent = ''] = await launched(3)
    for (const id of [heard, silent]) await speak(rig, id, 1)
    await rig.scale()
    rig.advance(0)
    const ahead = rig.herd.clock.monotonicMs() - performance.now()
    const at = (ms: number): Date => new Date(Date.now() + ahead - ms)
    await rig.db.updateTable('agents').set({ seen_at: at(0) }).where('id', '=', heard).execute()
    await rig.db.updateTable('agents').set({ seen_at: at(13_000) }).where('id', '=', silent).execute()
    await rig.truth(false)
    expect(rig.cloud.asked.ids.splice(0).sort()).toEqual([starting, silent].sort())
    await rig.truth(false)
    expect(rig.cloud.asked.ids).toEqual([])
    rig.cloud.set(silent, 'terminated', 'Server.InternalError')
    rig.advance(15_000)
    await rig.truth(false)
    expect((await row(silent)).state).toBe('GONE')
    expect(rig.cloud.asked.lists).toBe(0)
  })

  test('lists: each listMs, at once after a wake, never twice in 2 s; a region that is down keeps no other waiting', async () => {
    const memories: TruthMemories = new Map([['us-east-1', newMemory()], ['eu-west-1', newMemory()]])
    const pass = async (ms: number): Promise<number> => {
      rig.advance(ms)
      const before = rig.cloud.asked.lists
      await truthPass(rig.herd, memories)
      await rig.herd.background.settled()
      return rig.cloud.asked.lists - before
    }
    expect(await pass(0)).toBe(2)
    expect(await pass(30_000)).toBe(0)
    for (const memory of memories.values()) memory.soon = true
    expect(await pass(0)).toBe(2)
    for (const memory of memories.values()) memory.soon = true
    expect(await pass(1_000)).toBe(0)
    expect(await pass(1_500)).toBe(2)
    rig.cloud.down.set('eu-west-1', refuse('unavailable', 'ECONNREFUSED'))
    expect(await pass(60_000)).toBe(1)
    expect(await pass(5_500)).toBe(0)
    rig.cloud.down.clear()
    expect(await pass(5_500)).toBe(1)
  })

  test('EC2 had none after all: the offer is left alone, and it is no strike', async () => {
    const [id = ''] = await launched(1)
    rig.cloud.set(id, 'terminated', 'Server.InsufficientInstanceCapacity: Insufficient capacity')
    await rig.truth(true)
    expect(await rig.db.selectFrom('dry_marks').select('code').execute()).toEqual([{ code: 'Server.InsufficientInstanceCapacity' }])
    expect(await rig.db.selectFrom('pools').select('strikes').where('name', '=', 'gpu').execute()).toEqual([{ strikes: 0 }])
  })

  test('a node of a gang ends before the gang is whole: where it came from is left alone, so that the next try is elsewhere', async () => {
    await rig.commands.createExperiment(newExperiment(rig, { resources: { ...experimentConfig().resources, slots_per_trial: 4 } }))
    const { id: allocation } = await rig.db.selectFrom('allocations').select('id').executeTakeFirstOrThrow()
    const [first = '', second = ''] = await launched(2, { gang: true, allocations: [allocation] })
    rig.cloud.set(first, 'terminated', 'Server.InternalError: Internal error on launch')
    await rig.truth(true)
    expect(await rig.db.selectFrom('dry_marks').select(['type', 'zone', 'kind', 'code', 'text']).execute()).toEqual([
      { type: 'g5.xlarge', zone: 'us-east-1a', kind: 'capacity', code: 'GangNotWhole', text: `${first} ended before its gang was whole: Server.InternalError: Internal error on launch` },
    ])
    expect(await texts(rig, 'instance-gone')).toEqual([expect.stringMatching(/counts against its pool; its gang is not whole: g5.xlarge in us-east-1a, on-demand, is left alone for 180 s/)])
    // its work has begun, or has gone elsewhere: nothing is learned about the place
    await rig.db.deleteFrom('dry_marks').execute()
    await rig.db.updateTable('allocations').set({ state: 'RUNNING' }).execute()
    rig.cloud.set(second, 'terminated', 'Server.InternalError: Internal error')
    await rig.truth(true)
    expect(await rig.db.selectFrom('dry_marks').select('code').execute()).toEqual([])
  })

  test('a pool that moved to another region: its instances are still held against EC2 where they are', async () => {
    const [id = ''] = await launched(1)
    const other = rig.another({ pools: [{ name: 'gpu', provider: provider({ region: 'eu-west-1' }) }] })
    await truthPass(other.herd, new Map())
    await other.herd.background.settled()
    expect(await row(id)).toMatchObject({ state: 'STARTING', missed: 0 })
    expect(rig.cloud.asked.lists).toBe(2)
  })

  test('a pool that was taken out of the configuration: its instances are still held against EC2, by their zone', async () => {
    const [id = ''] = await launched(1)
    rig.cloud.set(id, 'terminated', 'x')
    const other = rig.another({ pools: [] })
    await truthPass(other.herd, new Map())
    await other.herd.background.settled()
    expect((await row(id)).state).toBe('GONE')
  })

  test('a master that is no longer the leader changes nothing', async () => {
    const [id = ''] = await launched(1)
    for (const decision of [
      { kind: 'gone', instance: id, cause: 'outside', reason: 'x' }, { kind: 'missed', instance: id }, { kind: 'seen', instance: id, privateIp: null }, { kind: 'end', instance: id, reason: 'x' },
      { kind: 'orphan', instance: 'i-x', reason: 'x' }, { kind: 'end-orphan', instance: 'i-x', reason: 'x' }, { kind: 'forget-orphan', instance: 'i-x' }, { kind: 'halt', reason: 'x' },
    ] as const) await expect(applyTruth(rig.herd, 0, 'us-east-1', decision)).rejects.toThrow(NotLeaderError)
    expect(rig.cloud.terminated).toEqual([])
    expect(await states(rig)).toEqual(['STARTING'])
  })
})
