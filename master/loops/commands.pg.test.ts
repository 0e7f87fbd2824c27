import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { takeEvents } from '../intake/take-events.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { mayRead } from '../store/blobs.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { listJobs } from '../store/queries/jobs.ts'
import type { NewCommand } from '../store/commands.ts'
import { addAgent, at, drained, exit, experimentConfig, newExperiment, numbered, openRig, state, type Rig } from './rig.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { schedulePass } from './schedule-loop.ts'

describe.skipIf(!PG_ADMIN_URL)('a command from submit to its end', () => {
  let rig: Rig
  let seq = 0
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    await rig.db.deleteFrom('experiments').execute()
    await rig.db.deleteFrom('tasks').execute()
    await rig.db.deleteFrom('agents').execute()
    await rig.db.deleteFrom('cursors').execute()
    seq = 0
    await addAgent(rig, 'a1', 1)
  })

  const command = (over: Partial<NewCommand> = {}): NewCommand => ({
    description: 'look', config: experimentConfig({ entrypoint: ['ls'] }), context: Buffer.from('tar'), ownerId: rig.ownerId, workspaceId: 1, pool: 'default', ...over,
  })
  const report = async (...events: NewAgentEvent[]): Promise<void> => {
    seq += events.length
    expect(await takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(seq - events.length + 1, events) })).toBe(seq)
  }
  const allocation = (task: string) => rig.db.selectFrom('allocations').select(['state', 'want', 'want_reason']).where('task_id', '=', task).executeTakeFirstOrThrow()
  const ended = async (task: string) => {
    const row = await rig.db.selectFrom('tasks as t').innerJoin('commands as c', 'c.task_id', 't.id').select(['t.ended_at', 'c.end_reason']).where('t.id', '=', task).executeTakeFirstOrThrow()
    return row.ended_at === null ? null : row.end_reason
  }

  test('is assigned with a spec of its own, runs, ends once and does not go again', async () => {
    const task = await rig.commands.createCommand(command())
    const alloc = `${task}.1`
    expect((await listJobs(rig.db, { descending: false, limit: 10, offset: 0 })).jobs).toMatchObject([{ kind: 'COMMAND', entity: task, requested: 1, allocated: 0, ahead: 0 }])
    await schedulePass(rig.deps)
    const member = await rig.db.selectFrom('allocation_members').selectAll().executeTakeFirstOrThrow()
    const blob = await rig.db.selectFrom('blobs').select('bytes').where('digest', '=', member.spec_digest).executeTakeFirstOrThrow()
    const spec = JSON.parse(blob.bytes.toString()) as { context: string; env: Record<string, string> }
    expect(spec).toMatchObject({ alloc, taskType: 'COMMAND', experimentId: 0, trialId: 0, entrypoint: ['ls'], root: `p/${rig.deps.clusterId}/tasks/${task}`, env: { DET_TASK_TYPE: 'COMMAND' } })
    expect(spec.env).not.toHaveProperty('DET_TRIAL_ID')
    expect([await mayRead(rig.db, 'a1', spec.context), await mayRead(rig.db, 'a2', spec.context)]).toEqual([true, false])
    await report(state(alloc, 'RUNNING'))
    expect((await listJobs(rig.db, { descending: false, limit: 10, offset: 0 })).jobs).toMatchObject([{ allocated: 1, ahead: -1 }])
    // what only a trial can say is passed over, whatever the script writes
    await report({ kind: 'metrics', t: at, alloc, reports: [{ group: 'training', steps: 1, t: at, values: { x: 1 } }] }, { kind: 'progress', t: at, alloc, progress: 0.5 },
      { kind: 'checkpoint-declared', t: at, alloc, uuid: '00000000-0000-4000-8000-000000000001', ordinal: 1, steps: 1 }, exit(alloc, 'user-error', 'exit code 3'))
    await lifecyclePass(rig.deps)
    expect([(await allocation(task)).state, await ended(task)]).toEqual(['DRAINING', null])
    await report(drained(alloc))
    await lifecyclePass(rig.deps)
    expect([(await allocation(task)).state, await ended(task)]).toEqual(['SEALED', 'exit code 3'])
    await lifecyclePass(rig.deps)
    await schedulePass(rig.deps)
    expect(await rig.db.selectFrom('allocations').select('id').execute()).toHaveLength(1)
    expect(await rig.db.selectFrom('tokens').select('hash').execute()).toHaveLength(0)
    expect(await rig.db.selectFrom('dead_events').select('id').execute()).toHaveLength(0)
    expect((await listJobs(rig.db, { descending: false, limit: 10, offset: 0 })).total).toBe(0)
  })

  test('is killed while it waits, and while it runs', async () => {
    const running = await rig.commands.createCommand(command())
    await schedulePass(rig.deps)
    await report(state(`${running}.1`, 'RUNNING'))
    const waiting = await rig.commands.createCommand(command())
    for (const task of [running, waiting]) expect(await rig.commands.killCommand(task, 'ann')).toEqual({ kind: 'done' })
    await lifecyclePass(rig.deps)
    expect(await ended(waiting)).toBe('killed by ann')
    expect(await allocation(running)).toMatchObject({ want: 'kill', want_reason: 'killed by ann' })
    await report(exit(`${running}.1`, 'stopped'), drained(`${running}.1`))
    await lifecyclePass(rig.deps)
    expect(await ended(running)).toBe('killed by ann')
    expect(await rig.commands.killCommand(running, 'bob')).toEqual({ kind: 'done' })
    expect(await ended(running)).toBe('killed by ann')
    expect(await rig.commands.killCommand('command-none', 'ann')).toEqual({ kind: 'not-found' })
  })

  test('takes its turn among experiments: priority first, then age', async () => {
    const { trialId: first } = await rig.commands.createExperiment(newExperiment(rig))
    const task = await rig.commands.createCommand(command())
    const { trialId: second } = await rig.commands.createExperiment(newExperiment(rig))
    const urgent = await rig.commands.createCommand(command({ config: experimentConfig({ resources: { slots_per_trial: 1, resource_pool: '', priority: 1, shm_size: null } }) }))
    const jobs = (await listJobs(rig.db, { descending: false, limit: 10, offset: 0 })).jobs
    expect(jobs.map((job) => [job.kind, job.ahead])).toEqual([['COMMAND', 0], ['EXPERIMENT', 1], ['COMMAND', 2], ['EXPERIMENT', 3]])
    const order: string[] = []
    for (let turn = 0; turn < 4; turn += 1) {
      await schedulePass(rig.deps)
      const row = await rig.db.selectFrom('allocations').select(['id', 'task_id']).where('state', '=', 'ASSIGNED').executeTakeFirstOrThrow()
      order.push(row.task_id)
      await report(exit(row.id, 'completed'), drained(row.id))
      await lifecyclePass(rig.deps)
    }
    expect(order).toEqual([urgent, `trial-${first}`, task, `trial-${second}`])
  })

  test('a slot that is disabled stops what holds it, one that drains does not', async () => {
    const task = await rig.commands.createCommand(command())
    await schedulePass(rig.deps)
    await report(state(`${task}.1`, 'RUNNING'))
    await rig.commands.setSlotEnabled('a1', 'cpu0', { enabled: false, drain: true }, 'ann')
    await lifecyclePass(rig.deps)
    expect(await allocation(task)).toMatchObject({ want: 'run' })
    await rig.commands.setSlotEnabled('a1', 'cpu0', { enabled: false, drain: false }, 'ann')
    await lifecyclePass(rig.deps)
    expect(await allocation(task)).toMatchObject({ want: 'kill', want_reason: 'agent a1 (slot cpu0) was disabled' })
  })
})
