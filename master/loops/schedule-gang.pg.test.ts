import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { addAgent, experimentConfig, newExperiment, openRig, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('a gang whose nodes come one by one', () => {
  let rig: Rig
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())

  const resources = (slots: number) => ({ resources: { ...experimentConfig().resources, slots_per_trial: slots } })
  const states = () => rig.db.selectFrom('allocations').select(['state', 'slots', 'wait_reason']).orderBy('created_at').execute()

  test('keeps its first node from a small one behind until the rest is there, then goes as a whole', async () => {
    await rig.commands.createExperiment(newExperiment(rig, resources(4)))
    await rig.commands.createExperiment(newExperiment(rig, resources(1)))
    const launch = { id: 'l', pool: 'default', type: 't', zone: 'a', subnet: null, market: 'on-demand', gang: true, count: 2, slots: 2, per_hour: null, state: 'LAUNCHING' } as const
    await rig.db.insertInto('launches').values(launch).execute()
    await rig.db.insertInto('instances').values({ id: 'i-1', launch_id: 'l', pool: 'default', type: 't', zone: 'a', market: 'on-demand', slots: 2, per_hour: null, state: 'READY', private_ip: null, launched_at: new Date() }).execute()
    await addAgent(rig, 'i-1', 2)
    await schedulePass(rig.deps)
    expect(await states()).toMatchObject([
      { state: 'PENDING', slots: 4, wait_reason: 'waits: it needs 2 agents with 2 free slots each, in one zone where possible; 1 of pool default has 2 slots, 1 is free, 0 experiments ahead' },
      { state: 'PENDING', slots: 1, wait_reason: 'waits: pool default has 2 free of 2 slots, 1 experiment ahead' },
    ])
    await addAgent(rig, 'i-2', 2)
    await rig.db.insertInto('instances').values({ id: 'i-2', launch_id: 'l', pool: 'default', type: 't', zone: 'a', market: 'on-demand', slots: 2, per_hour: null, state: 'READY', private_ip: null, launched_at: new Date() }).execute()
    await schedulePass(rig.deps)
    expect(await states()).toMatchObject([{ state: 'ASSIGNED' }, { state: 'PENDING', wait_reason: 'waits: pool default has 0 free of 4 slots, 0 experiments ahead' }])
    expect(await rig.db.selectFrom('allocation_members').select(['rank', 'agent_id', 'slot_ids']).orderBy('rank').execute()).toEqual([
      { rank: 0, agent_id: 'i-1', slot_ids: ['cpu0', 'cpu1'] }, { rank: 1, agent_id: 'i-2', slot_ids: ['cpu0', 'cpu1'] },
    ])
  })

  test('an instance that was asked for and does not come any more is waited for no longer', async () => {
    await rig.db.deleteFrom('experiments').execute()
    await rig.db.updateTable('instances').set({ state: 'GONE' }).where('id', '=', 'i-2').execute()
    await rig.db.deleteFrom('agents').where('id', '=', 'i-2').execute()
    await rig.commands.createExperiment(newExperiment(rig, resources(4)))
    await rig.commands.createExperiment(newExperiment(rig, resources(1)))
    await schedulePass(rig.deps)
    expect(await states()).toMatchObject([{ state: 'PENDING' }, { state: 'ASSIGNED' }])
  })
})
