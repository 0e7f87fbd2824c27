import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { takeEvents } from '../intake/take-events.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { addAgent, drained, exit, newExperiment, numbered, openRig, state, type Rig } from './rig.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('an experiment from submit to its end', () => {
  let rig: Rig
  let seq = 0
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    await rig.db.deleteFrom('experiments').execute()
    await rig.db.deleteFrom('agents').execute()
    await rig.db.deleteFrom('cursors').execute()
    seq = 0
    await addAgent(rig, 'a1', 2)
  })

  async function report(...events: NewAgentEvent[]): Promise<void> {
    const before = seq
    seq += events.length
    expect(await takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(before + 1, events) })).toBe(seq)
  }
  async function allocations(): Promise<{ id: string; state: string; want: string; wait_reason: string }[]> {
    return rig.db.selectFrom('allocations').select(['id', 'state', 'want', 'wait_reason']).orderBy('created_at').orderBy('epoch').execute()
  }
  async function ends(experimentId: number): Promise<{ state: string; state_reason: string; progress: number }> {
    return rig.db.selectFrom('experiments').select(['state', 'state_reason', 'progress']).where('id', '=', experimentId).executeTakeFirstOrThrow()
  }

  test('completes: assigned, spec and token, run, drained, sealed, token gone', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass(rig.deps)
    const alloc = `trial-${trialId}.1`
    expect(await allocations()).toMatchObject([{ id: alloc, state: 'ASSIGNED' }])
    const member = await rig.db.selectFrom('allocation_members').selectAll().executeTakeFirstOrThrow()
    expect(member).toMatchObject({ agent_id: 'a1', rank: 0, slot_ids: ['cpu0'], state: 'ASSIGNED' })
    const blob = await rig.db.selectFrom('blobs').select('bytes').where('digest', '=', member.spec_digest).executeTakeFirstOrThrow()
    expect(JSON.parse(blob.bytes.toString())).toMatchObject({ alloc, trialId, experimentId, hparams: { lr: 0.1 }, restore: null, root: `p/${rig.deps.clusterId}/experiments/${experimentId}-fashion-mnist/trials/${trialId}` })
    expect(rig.poked).toContain('a1')
    await report(state(alloc, 'PULLING'), state(alloc, 'RUNNING'))
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'RUNNING' }])
    await report(exit(alloc, 'completed'))
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'DRAINING' }])
    expect(await rig.db.selectFrom('tokens').selectAll().execute()).toHaveLength(1)
    await report(drained(alloc))
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'SEALED' }])
    expect(await rig.db.selectFrom('tokens').selectAll().execute()).toHaveLength(0)
    expect(await ends(experimentId)).toEqual({ state: 'COMPLETED', state_reason: '', progress: 1 })
    await lifecyclePass(rig.deps)
    await schedulePass(rig.deps)
    expect(await allocations()).toHaveLength(1)
  })

  test('a failing script is restarted up to max_restarts, then ERROR with the exit text', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig))
    for (const epoch of [1, 2]) {
      await schedulePass(rig.deps)
      const alloc = `trial-${trialId}.${epoch}`
      await report(state(alloc, 'RUNNING'), exit(alloc, 'user-error', 'exit code 3'), drained(alloc))
      await lifecyclePass(rig.deps)
    }
    expect(await ends(experimentId)).toMatchObject({ state: 'ERROR', state_reason: 'exit code 3 (max_restarts 1 reached)' })
    expect(await rig.db.selectFrom('trials').select(['state', 'restarts']).where('id', '=', trialId).executeTakeFirst()).toEqual({ state: 'ERROR', restarts: 1 })
  })

  test('an unknown image fails at once', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass(rig.deps)
    await report(exit(`trial-${trialId}.1`, 'image', 'no such image'), drained(`trial-${trialId}.1`))
    await lifecyclePass(rig.deps)
    expect(await ends(experimentId)).toMatchObject({ state: 'ERROR', state_reason: 'no such image' })
  })

  test('pause, then activate: saved, rests, goes on with the next epoch', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass(rig.deps)
    const alloc = `trial-${trialId}.1`
    await report(state(alloc, 'RUNNING'))
    expect(await rig.commands.pause(experimentId, 'bob')).toEqual({ kind: 'done' })
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'RUNNING', want: 'preempt' }])
    await report(exit(alloc, 'preempted'), drained(alloc))
    await lifecyclePass(rig.deps)
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'SEALED' }])
    expect((await ends(experimentId)).state).toBe('PAUSED')
    await rig.commands.activate(experimentId, 'bob')
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'SEALED' }, { id: `trial-${trialId}.2`, state: 'PENDING' }])
  })

  test('cancel before it was assigned: sealed at once and CANCELED; again is fine, activate is a conflict', async () => {
    const { experimentId } = await rig.commands.createExperiment(newExperiment(rig))
    await rig.commands.cancel(experimentId, 'bob')
    await lifecyclePass(rig.deps)
    expect(await ends(experimentId)).toMatchObject({ state: 'CANCELED', state_reason: 'canceled by bob' })
    expect(await rig.commands.kill(experimentId, 'bob')).toEqual({ kind: 'done' })
    expect(await rig.commands.activate(experimentId, 'bob')).toMatchObject({ kind: 'conflict' })
    expect(await rig.commands.activate(999_999, 'bob')).toEqual({ kind: 'not-found' })
  })

  test('kill while it runs: the agent is asked, then CANCELED', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass(rig.deps)
    const before = await rig.db.selectFrom('agents').select('generation').where('id', '=', 'a1').executeTakeFirstOrThrow()
    await rig.commands.killTrial(trialId, 'bob')
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ want: 'kill' }])
    expect((await rig.db.selectFrom('agents').select('generation').where('id', '=', 'a1').executeTakeFirstOrThrow()).generation).toBe(before.generation + 1)
    await report(exit(`trial-${trialId}.1`, 'stopped'), drained(`trial-${trialId}.1`))
    await lifecyclePass(rig.deps)
    expect((await ends(experimentId)).state).toBe('CANCELED')
  })

  test('an agent disabled without drain gives its work back free of charge', async () => {
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass(rig.deps)
    await rig.commands.setAgentEnabled('a1', false, false, 'bob')
    await lifecyclePass(rig.deps)
    expect(await allocations()).toMatchObject([{ want: 'kill' }])
    await report(exit(`trial-${trialId}.1`, 'stopped'), drained(`trial-${trialId}.1`))
    await lifecyclePass(rig.deps)
    await schedulePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'SEALED' }, { state: 'PENDING', wait_reason: 'waits: none of the 1 agent of pool default takes work (1 disabled)' }])
  })

  test('waits say why, in order; a freed slot goes to the first', async () => {
    const ids: number[] = []
    for (let i = 0; i < 4; i += 1) ids.push((await rig.commands.createExperiment(newExperiment(rig))).trialId)
    await schedulePass(rig.deps)
    expect((await allocations()).map((a) => a.wait_reason)).toEqual(['', '', 'waits: pool default has 0 free of 2 slots, 0 experiments ahead', 'waits: pool default has 0 free of 2 slots, 1 experiment ahead'])
    await report(state(`trial-${ids[0]}.1`, 'RUNNING'), exit(`trial-${ids[0]}.1`, 'completed'))
    await schedulePass(rig.deps)
    expect((await allocations()).map((a) => a.state)).toEqual(['DRAINING', 'ASSIGNED', 'ASSIGNED', 'PENDING'])
  })

  test('a silent agent gets no work; a master that is not the leader decides nothing', async () => {
    await rig.commands.createExperiment(newExperiment(rig))
    await schedulePass({ ...rig.deps, leaderEpoch: () => null })
    expect(await allocations()).toMatchObject([{ state: 'PENDING', wait_reason: '' }])
    await expect(schedulePass({ ...rig.deps, leaderEpoch: () => 999 })).rejects.toThrow('leader epoch 999 is over')
    await rig.db.updateTable('agents').set({ seen_at: new Date(Date.now() - 60_000) }).execute()
    await schedulePass(rig.deps)
    expect(await allocations()).toMatchObject([{ state: 'PENDING', wait_reason: 'waits: none of the 1 agent of pool default takes work (1 silent)' }])
  })

  test('with nothing new, nothing is written (I10)', async () => {
    await rig.commands.createExperiment(newExperiment(rig))
    await rig.commands.createExperiment(newExperiment(rig, { resources: { slots_per_trial: 9, resource_pool: '', priority: null, shm_size: null } }))
    for (let i = 0; i < 2; i += 1) { await schedulePass(rig.deps); await lifecyclePass(rig.deps) }
    const before = await rig.db.selectFrom('events').select((eb) => eb.fn.max('id').as('id')).executeTakeFirst()
    rig.woken.clear()
    for (let i = 0; i < 3; i += 1) { await schedulePass(rig.deps); await lifecyclePass(rig.deps) }
    expect(await rig.db.selectFrom('events').select((eb) => eb.fn.max('id').as('id')).executeTakeFirst()).toEqual(before)
    expect([...rig.woken]).toEqual([])
  })
})
