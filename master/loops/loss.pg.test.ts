import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../intake/take-events.ts'
import { takeHeartbeat, type HeartbeatDeps } from '../intake/take-heartbeat.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { applyLoss } from './loss-apply.ts'
import { lossPass } from './loss-loop.ts'
import { addInstance, lossDeps, silence, submit, submitGang } from './loss-rig.ts'
import { addAgent, drained, exit, heartbeat, numbered, openRig, state, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('lost agents', () => {
  let rig: Rig
  const seqs = new Map<string, number>()
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors', 'instances', 'launches', 'alarms', 'tokens', 'events'] as const) await rig.db.deleteFrom(table).execute()
    seqs.clear()
    rig.woken.clear()
  })

  async function report(agent: string, ...events: NewAgentEvent[]): Promise<void> {
    const before = seqs.get(agent) ?? 0
    seqs.set(agent, before + events.length)
    expect(await takeEvents(rig.events, agent, { v: 1, inc: 1, events: numbered(before + 1, events) })).toBe(before + events.length)
  }
  const lose = (over = {}): Promise<void> => lossPass(lossDeps(rig, over))
  const allocation = (id: string) => rig.db.selectFrom('allocations').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  const members = (id: string) => rig.db.selectFrom('allocation_members').select(['rank', 'state', 'lost', 'drained']).where('allocation_id', '=', id).orderBy('rank').execute()
  const agent = (id: string) => rig.db.selectFrom('agents').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  const instance = (id: string) => rig.db.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  const texts = async (kind: string): Promise<string[]> => (await rig.db.selectFrom('events').select('text').where('kind', '=', kind).orderBy('id').execute()).map((row) => row.text)
  const beats = (): HeartbeatDeps => ({ db: rig.db, incarnation: rig.incarnation, wake: rig.events.wake, presence: { note: () => undefined, ended: Promise.resolve() } })
  const markAdopted = (id: string) => rig.db.updateTable('allocations').set({ adopted: true }).where('id', '=', id).execute()
  const addToken = (id: string) => rig.db.insertInto('tokens').values({ hash: Buffer.from(id), kind: 'agent', user_id: null, allocation_id: null, agent_id: id }).execute()

  test('a silent instance: DRAINING with slots free, its tokens dead, its instance to be ended, the cause told', async () => {
    await addAgent(rig, 'i-1', 2)
    await addInstance(rig, 'i-1')
    await addToken('i-1')
    const { alloc, experimentId, trialId } = await submit(rig)
    await schedulePass(rig.deps)
    await report('i-1', state(alloc, 'RUNNING'))
    await silence(rig, 299, 'i-1')
    await lose()
    expect((await agent('i-1')).lost_at).toBeNull()
    await silence(rig, 301, 'i-1')
    await lose({ canaryHealthyForMs: 299_000 })
    await lose({ masterUpForMs: 299_000 })
    expect((await agent('i-1')).lost_at).toBeNull()
    rig.woken.clear()
    await lose()
    expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', drained: true, exit_kind: 'lost', exit_text: 'agent i-1 was lost: it has been silent for 301 s, 300 s are allowed', adopted: false })
    expect(await members(alloc)).toEqual([{ rank: 0, state: 'DRAINING', lost: true, drained: true }])
    expect((await agent('i-1')).lost_at).not.toBeNull()
    expect(await instance('i-1')).toMatchObject({ state: 'TERMINATING', state_reason: 'its agent is lost: it has been silent for 301 s, 300 s are allowed' })
    expect(await rig.db.selectFrom('tokens').selectAll().execute()).toEqual([])
    expect([...rig.woken].sort()).toEqual(['checkpoints', 'feed', 'lifecycle', 'scale', 'schedule'])
    expect(await texts('agent-lost')).toEqual(['agent i-1 is lost: it has been silent for 301 s, 300 s are allowed; its instance is ended'])
    expect(await rig.db.selectFrom('events').select(['experiment_id', 'trial_id', 'agent_id']).where('kind', '=', 'allocation-lost').execute()).toEqual([{ experiment_id: experimentId, trial_id: trialId, agent_id: 'i-1' }])
    await lifecyclePass(rig.deps)
    expect((await allocation(alloc)).state).toBe('DRAINING')
    await markAdopted(alloc)
    await lifecyclePass(rig.deps)
    expect((await allocation(alloc)).state).toBe('SEALED')
    expect(await allocation(`trial-${trialId}.2`)).toMatchObject({ state: 'PENDING' })
    expect(await rig.db.selectFrom('trials').select('restarts').executeTakeFirst()).toEqual({ restarts: 0 })
    rig.woken.clear()
    for (let i = 0; i < 3; i += 1) { await lose(); await lifecyclePass(rig.deps) }
    expect([...rig.woken]).toEqual([])
  })

  test('gone by EC2 is lost at once, however fresh its heartbeat and deaf the master; sealed, it is retired', async () => {
    await addAgent(rig, 'i-1', 2)
    await addInstance(rig, 'i-1')
    const { alloc } = await submit(rig)
    await schedulePass(rig.deps)
    await rig.db.updateTable('instances').set({ state: 'GONE', gone_at: new Date(), state_reason: 'Server.SpotInstanceTermination: taken back' }).execute()
    await lose({ canaryHealthyForMs: 0, masterUpForMs: 0 })
    expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', exit_kind: 'lost', exit_text: 'agent i-1 was lost: its instance is gone, says EC2: Server.SpotInstanceTermination: taken back' })
    expect((await instance('i-1')).state).toBe('GONE')
    await markAdopted(alloc)
    await lifecyclePass(rig.deps)
    await addToken('i-1')
    await lose()
    expect((await agent('i-1')).retired_at).not.toBeNull()
    expect(await rig.db.selectFrom('tokens').select('kind').execute()).toEqual([])
    expect(await takeHeartbeat(beats(), 'i-1', heartbeat(rig))).toMatchObject({ kind: 'refused' })
  })

  test('an instance that is being ended is refused: retired, stop', async () => {
    await addAgent(rig, 'i-1', 2)
    await addInstance(rig, 'i-1', 'TERMINATING')
    const before = (await agent('i-1')).seen_at
    expect(await takeHeartbeat(beats(), 'i-1', heartbeat(rig))).toMatchObject({ kind: 'refused', error: 'agent i-1 is retired, its instance is TERMINATING: stop' })
    expect((await agent('i-1')).seen_at).toEqual(before)
  })

  test('a machine of its own comes back: heard again, discards what was sealed, takes work anew', async () => {
    await addAgent(rig, 'a1', 2)
    await addToken('a1')
    const { alloc, trialId } = await submit(rig)
    await schedulePass(rig.deps)
    await silence(rig, 400, 'a1')
    await lose()
    await markAdopted(alloc)
    await lifecyclePass(rig.deps)
    expect(await rig.db.selectFrom('tokens').select('kind').execute()).toEqual([{ kind: 'agent' }])
    // the heartbeat was noted before the loss was committed: the row is fresh, the agent lost all the same
    await silence(rig, 1, 'a1')
    const held = [{ alloc, state: 'RUNNING' as const }]
    const reply = await takeHeartbeat(beats(), 'a1', heartbeat(rig, { inventory: { ...(await inventoryOf('a1')), held }, inventoryHash: '7'.repeat(64) }))
    expect(reply).toMatchObject({ kind: 'desired', desired: [{ alloc, want: 'discard' }] })
    expect((await agent('a1')).lost_at).toBeNull()
    expect(await texts('agent-connected')).toEqual(['agent a1 was lost and is heard again: it takes work anew, what it held is over'])
    await schedulePass(rig.deps)
    expect(await allocation(`trial-${trialId}.2`)).toMatchObject({ state: 'ASSIGNED' })
  })

  test('never heard and nothing held: nobody\'s loss', async () => {
    await addAgent(rig, 'a1', 2)
    await rig.db.updateTable('agents').set({ seen_at: null }).execute()
    await lose()
    expect((await agent('a1')).lost_at).toBeNull()
  })

  test('a container that had ended well keeps its end', async () => {
    await addAgent(rig, 'a1', 2)
    const { alloc, experimentId } = await submit(rig)
    await schedulePass(rig.deps)
    await report('a1', exit(alloc, 'completed'))
    await silence(rig, 400, 'a1')
    await lose()
    expect(await allocation(alloc)).toMatchObject({ exit_kind: 'completed', drained: true })
    await markAdopted(alloc)
    await lifecyclePass(rig.deps)
    expect(await rig.db.selectFrom('experiments').select('state').where('id', '=', experimentId).executeTakeFirst()).toEqual({ state: 'COMPLETED' })
  })

  test('a step of the database\'s clock makes nobody lost (F38)', async () => {
    await addAgent(rig, 'a1', 2)
    await silence(rig, 400, 'a1')
    await lossPass({ ...lossDeps(rig), clockWatch: { steadyForMs: () => 299_000 } })
    expect((await agent('a1')).lost_at).toBeNull()
    await lossPass({ ...lossDeps(rig), clockWatch: { steadyForMs: () => 300_000 } })
    expect((await agent('a1')).lost_at).not.toBeNull()
  })

  test('heard at the last moment, or given work at the last moment: decided again under the locks', async () => {
    await addAgent(rig, 'a1', 2)
    const deps = lossDeps(rig)
    const lose = { kind: 'lose', agent: 'a1', reason: 'as it was seen' } as const
    expect(await applyLoss(deps, deps.leaderEpoch() ?? 0, deps.hearing(), lose)).toBe(false)
    await addInstance(rig, 'a1', 'GONE')
    expect(await applyLoss(deps, deps.leaderEpoch() ?? 0, deps.hearing(), lose)).toBe(false)
    await submit(rig)
    await schedulePass(rig.deps)
    expect(await applyLoss(deps, deps.leaderEpoch() ?? 0, deps.hearing(), { kind: 'retire-agent', agent: 'a1', reason: 'as it was seen' })).toBe(false)
    expect(await agent('a1')).toMatchObject({ lost_at: null, retired_at: null })
    expect(await applyLoss(deps, deps.leaderEpoch() ?? 0, deps.hearing(), lose)).toBe(true)
  })

  test('a placement that is committed while the loss waits for its lock is lost with the rest, not forgotten', async () => {
    await addAgent(rig, 'a1', 2)
    await addInstance(rig, 'a1', 'GONE')
    const first = await submit(rig)
    await schedulePass(rig.deps)
    const second = await submit(rig)
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const placing = rig.db.transaction().execute(async (tx) => {
      await tx.selectFrom('agents').select('id').where('id', '=', 'a1').forUpdate().execute()
      begun.resolve()
      await gate.promise
      const { spec_digest } = await tx.selectFrom('allocation_members').select('spec_digest').executeTakeFirstOrThrow()
      await tx.insertInto('allocation_members').values({ allocation_id: second.alloc, rank: 0, agent_id: 'a1', slot_ids: '["cpu1"]', spec_digest, state: 'ASSIGNED' }).execute()
      await tx.updateTable('allocations').set({ state: 'ASSIGNED' }).where('id', '=', second.alloc).execute()
    })
    await begun.promise
    const losing = lose()
    await new Promise((resolve) => setTimeout(resolve, 150))
    gate.resolve()
    await Promise.all([placing, losing])
    expect((await agent('a1')).lost_at).toBeNull()
    await lose()
    expect([await allocation(first.alloc), await allocation(second.alloc)]).toMatchObject([{ state: 'DRAINING', exit_kind: 'lost' }, { state: 'DRAINING', exit_kind: 'lost' }])
  })

  describe('the brake (F45)', () => {
    const ids = ['a1', 'a2', 'a3', 'a4']
    beforeEach(async () => {
      for (const id of ids) await addAgent(rig, id, 2)
      await addInstance(rig, 'a4')
    })
    const alarms = async (): Promise<string[]> => (await rig.db.selectFrom('alarms').select('key').orderBy('key').execute()).map((row) => row.key)
    const lost = async (): Promise<string[]> => (await rig.db.selectFrom('agents').select('id').where('lost_at', 'is not', null).orderBy('id').execute()).map((row) => row.id)

    test('most of them silent at once: one alarm, nobody lost, nothing ended; off when half are back', async () => {
      await silence(rig, 400, ...ids)
      for (let i = 0; i < 3; i += 1) await lose()
      expect(await alarms()).toEqual(['brake'])
      expect(await texts('alarm')).toHaveLength(1)
      expect(await lost()).toEqual([])
      expect((await instance('a4')).state).toBe('READY')
      await silence(rig, 1, 'a1', 'a2')
      await lose()
      expect(await alarms()).toEqual(['brake-off'])
      expect(await texts('alarm-over')).toEqual(['2 of the 4 agents that fell silent together are back; a3, a4 will be lost after 300 s more of silence'])
      await lose()
      expect(await lost()).toEqual([])
      await rig.db.updateTable('alarms').set({ since: new Date(Date.now() - 301_000) }).execute()
      await lose()
      expect(await lost()).toEqual(['a3', 'a4'])
      expect((await instance('a4')).state).toBe('TERMINATING')
      await lose()
      expect(await alarms()).toEqual([])
    })

    test('EC2\'s word counts under the brake; a person releases it', async () => {
      const { alloc } = await submit(rig)
      await schedulePass(rig.deps)
      const holder = await rig.db.selectFrom('allocation_members').select('agent_id').where('allocation_id', '=', alloc).executeTakeFirstOrThrow()
      expect(holder.agent_id).toBe('a1')
      expect(await rig.commands.releaseBrake('ann')).toMatchObject({ kind: 'conflict' })
      await silence(rig, 400, ...ids)
      await lose()
      await rig.db.updateTable('instances').set({ state: 'GONE' }).execute()
      await lose()
      expect((await agent('a4')).retired_at).not.toBeNull()
      expect(await lost()).toEqual([])
      rig.woken.clear()
      expect(await rig.commands.releaseBrake('ann')).toEqual({ kind: 'done' })
      expect(rig.woken.has('loss')).toBe(true)
      expect(await texts('alarm-over')).toEqual(['the brake was released by ann: of the 4 agents that fell silent together, those still silent are declared lost'])
      await lose()
      await lose()
      expect(await lost()).toEqual(['a1', 'a2', 'a3'])
      expect(await alarms()).toEqual([])
      expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', exit_kind: 'lost' })
    })
  })

  describe('a gang', () => {
    test('a lost rank holds nobody back and ends the others; it goes again as one, free of charge', async () => {
      const { alloc, trialId } = await submitGang(rig, ['a1', 'a2', 'a3'])
      for (const id of ['a1', 'a2', 'a3']) await report(id, state(alloc, 'RUNNING'))
      await silence(rig, 400, 'a2')
      await lose()
      expect(await allocation(alloc)).toMatchObject({ state: 'RUNNING', exit_kind: 'lost' })
      await lifecyclePass(rig.deps)
      expect(await allocation(alloc)).toMatchObject({ want: 'kill', want_reason: 'a gang ends together: rank 1: agent a2 was lost: it has been silent for 400 s, 300 s are allowed' })
      expect(rig.poked).toEqual(expect.arrayContaining(['a1', 'a3']))
      await report('a1', exit(alloc, 'stopped'), drained(alloc))
      expect((await allocation(alloc)).state).toBe('RUNNING')
      await report('a3', exit(alloc, 'stopped'), drained(alloc))
      expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', drained: true, exit_kind: 'lost' })
      await lifecyclePass(rig.deps)
      expect((await allocation(alloc)).state).toBe('DRAINING')
      await markAdopted(alloc)
      await lifecyclePass(rig.deps)
      expect((await allocation(alloc)).state).toBe('SEALED')
      expect(await allocation(`trial-${trialId}.2`)).toMatchObject({ state: 'PENDING' })
      expect(await rig.db.selectFrom('trials').select('restarts').executeTakeFirst()).toEqual({ restarts: 0 })
    })

    test('a failed rank ends the others: one restart, and the reason names rank and cause', async () => {
      const { alloc, trialId } = await submitGang(rig, ['a1', 'a2'])
      for (const id of ['a1', 'a2']) await report(id, state(alloc, 'RUNNING'))
      await report('a2', exit(alloc, 'user-error', 'exit code 3'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect(await allocation(alloc)).toMatchObject({ state: 'RUNNING', want: 'kill', want_reason: 'a gang ends together: rank 1 on agent a2: exit code 3' })
      await report('a1', exit(alloc, 'stopped'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect(await rig.db.selectFrom('trials').select('restarts').executeTakeFirst()).toEqual({ restarts: 1 })
      expect((await texts('allocation-created')).at(-1)).toContain('rank 1 on agent a2: exit code 3; restart 1 of 1')
      expect((await allocation(`trial-${trialId}.2`)).state).toBe('PENDING')
    })

    test('a rank fails because another\'s host went: the loss is the cause once it is known, and costs no restart', async () => {
      const { alloc } = await submitGang(rig, ['a1', 'a2'])
      for (const id of ['a1', 'a2']) await report(id, state(alloc, 'RUNNING'))
      await report('a1', exit(alloc, 'user-error', 'connection reset'), drained(alloc))
      expect(await allocation(alloc)).toMatchObject({ exit_kind: 'user-error' })
      await silence(rig, 400, 'a2')
      await lose()
      expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', exit_kind: 'lost', exit_text: expect.stringMatching(/^rank 1: agent a2 was lost/) })
      await markAdopted(alloc)
      await lifecyclePass(rig.deps)
      expect((await texts('allocation-created')).at(-1)).toContain('goes again free of charge')
      expect(await rig.db.selectFrom('trials').select('restarts').executeTakeFirst()).toEqual({ restarts: 0 })
    })

    test('a rank fails because another did, and is heard first: the earlier end is the cause', async () => {
      const { alloc } = await submitGang(rig, ['a1', 'a2'])
      for (const id of ['a1', 'a2']) await report(id, state(alloc, 'RUNNING'))
      await report('a1', { ...exit(alloc, 'user-error', 'connection reset'), endedAt: 2_000 } as NewAgentEvent)
      await report('a2', { ...exit(alloc, 'user-error', 'exit code 3'), endedAt: 1_000 } as NewAgentEvent)
      expect(await allocation(alloc)).toMatchObject({ state: 'DRAINING', exit_kind: 'user-error', exit_text: 'rank 1 on agent a2: exit code 3', exit_at: new Date(1_000) })
    })

    test('a completed rank waits for the others; all completed is the end', async () => {
      const { alloc, experimentId } = await submitGang(rig, ['a1', 'a2'])
      for (const id of ['a1', 'a2']) await report(id, state(alloc, 'RUNNING'))
      await report('a1', exit(alloc, 'completed'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect(await allocation(alloc)).toMatchObject({ state: 'RUNNING', want: 'run' })
      await report('a2', exit(alloc, 'completed'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect(await rig.db.selectFrom('experiments').select('state').where('id', '=', experimentId).executeTakeFirst()).toEqual({ state: 'COMPLETED' })
    })

    test('a spot notice: all ranks save and stop, each in its own time, and go again free of charge', async () => {
      const { alloc, trialId } = await submitGang(rig, ['a1', 'a2'])
      for (const id of ['a1', 'a2']) await report(id, state(alloc, 'RUNNING'))
      await report('a1', { kind: 'notice', t: 1, notice: 'rebalance', action: '', at: null })
      await lifecyclePass(rig.deps)
      expect((await allocation(alloc)).want).toBe('run')
      await report('a1', { kind: 'notice', t: 1, notice: 'spot', action: 'terminate', at: 2 })
      await lifecyclePass(rig.deps)
      expect(await allocation(alloc)).toMatchObject({ want: 'preempt', want_reason: 'EC2 will take the instance of agent a1: save and stop, it goes again free of charge' })
      await report('a1', exit(alloc, 'preempted'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect((await allocation(alloc)).want).toBe('preempt')
      await report('a2', exit(alloc, 'preempted'), drained(alloc))
      await lifecyclePass(rig.deps)
      expect(await allocation(`trial-${trialId}.2`)).toMatchObject({ state: 'PENDING' })
      expect(await rig.db.selectFrom('trials').select('restarts').executeTakeFirst()).toEqual({ restarts: 0 })
    })
  })

  async function inventoryOf(id: string) {
    const { inventory } = await agent(id)
    if (inventory === null) throw new Error('no inventory')
    return inventory
  }
})
