import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { takeEvents } from '../intake/take-events.ts'
import { schedule } from '../schedule/schedule.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { advanceSearch, forgetSearches, loadSearch } from '../store/searches.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { addAgent, at, drained, exit, hash, newExperiment, numbered, openRig, state, type Rig } from './rig.ts'
import { loadPendingAhead } from './assignment.ts'
import { applyAssigns } from './schedule-apply.ts'
import { loadAgents } from './schedule-load.ts'
import { schedulePass } from './schedule-loop.ts'

const SPACE = { lr: { type: 'log', base: 10, minval: -4, maxval: -1, count: null }, width: { type: 'int', minval: 1, maxval: 64, count: null } }
const ASHA: ExperimentConfig['searcher'] = { name: 'adaptive_asha', metric: 'loss', smaller_is_better: true, max_trials: 24, max_time: 16, time_metric: 'batches', divisor: 4, max_rungs: 3, max_concurrent_trials: 4, mode: 'aggressive', bracket_rungs: [] }
const random = (trials: number, atOnce: number): ExperimentConfig['searcher'] => ({ name: 'random', metric: 'loss', smaller_is_better: true, max_trials: trials, max_concurrent_trials: atOnce })

interface Ended { number: number; state: string; hparams: Record<string, unknown>; seed: number; steps_completed: number; searcher_metric: number | null; stop: string | null; stop_reason: string }

describe.skipIf(!PG_ADMIN_URL)('a search through the store', () => {
  let rig: Rig
  let seq = 0
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors'] as const) await rig.db.deleteFrom(table).execute()
    seq = 0
    await addAgent(rig, 'a1', 8)
  })

  async function report(...events: NewAgentEvent[]): Promise<void> {
    const before = seq
    seq += events.length
    expect(await takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: numbered(before + 1, events) })).toBe(seq)
  }
  const validation = (alloc: string, batches: number, loss: unknown): NewAgentEvent => ({ kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: batches, t: at, values: { loss, batches } }] })
  const settle = async (): Promise<void> => { await lifecyclePass(rig.deps); await schedulePass(rig.deps) }
  const submit = async (searcher: ExperimentConfig['searcher'], over: Partial<ExperimentConfig> = {}): Promise<number> =>
    (await rig.commands.createExperiment(newExperiment(rig, { searcher, hyperparameters: SPACE, max_restarts: 0, ...over }))).experimentId
  const experiment = (id: number) => rig.db.selectFrom('experiments').select(['state', 'state_reason']).where('id', '=', id).executeTakeFirstOrThrow()
  const trials = (id: number): Promise<Ended[]> => rig.db.selectFrom('trials').select(['number', 'state', 'hparams', 'seed', 'steps_completed', 'searcher_metric', 'stop', 'stop_reason']).where('experiment_id', '=', id).orderBy('number').execute()
  const live = (id: number) => rig.db.selectFrom('allocations').innerJoin('trials', 'trials.task_id', 'allocations.task_id')
    .select(['allocations.id', 'allocations.want', 'allocations.state', 'trials.number', 'trials.hparams', 'trials.steps_completed'])
    .where('trials.experiment_id', '=', id).where('allocations.state', '<>', 'SEALED').orderBy('trials.number').execute()

  /** Every trial trains step by step; its loss is made of its hyperparameters, NaN for some. `between` runs before each event. */
  async function run(id: number, between: () => Promise<void> | void): Promise<{ widest: number }> {
    let widest = 0
    for (let turn = 0; turn < 400; turn += 1) {
      await settle()
      const running = await live(id)
      if (running.length === 0) return { widest }
      widest = Math.max(widest, running.length)
      for (const { id: alloc, want, number, hparams, steps_completed: steps } of running) {
        await between()
        if (want === 'preempt') await report(exit(alloc, 'preempted'), drained(alloc))
        else await report(state(alloc, 'RUNNING'), validation(alloc, steps + 1, number % 7 === 3 ? 'NaN' : Number(hparams['lr']) / (steps + 1)))
      }
    }
    throw new Error('the search never ended')
  }

  test('adaptive_asha: 24 trials, never more than 4 at once, the worst stopped early as COMPLETED; forgotten at each event it is the same search', async () => {
    const first = await submit(ASHA)
    const { widest } = await run(first, () => undefined)
    const whole = await trials(first)
    expect(await experiment(first)).toMatchObject({ state: 'COMPLETED' })
    expect([whole.length, widest]).toEqual([24, 4])
    expect(whole.every((one) => one.state === 'COMPLETED' && one.stop === 'search')).toBe(true)
    expect(new Set(whole.map((one) => JSON.stringify(one.hparams))).size).toBe(24)
    const lasted = whole.filter((one) => one.steps_completed === 16)
    expect(lasted.length).toBeGreaterThan(0)
    expect(lasted.length).toBeLessThan(12)
    expect(whole.filter((one) => one.number % 7 === 3).every((one) => one.searcher_metric === null && one.steps_completed < 16 && one.stop_reason.includes('no number'))).toBe(true)

    const second = await submit(ASHA)
    await run(second, () => forgetSearches())
    expect(await trials(second)).toEqual(whole)
  }, 120_000)

  test('what is rolled back is not remembered: the state in memory is that of the tables', async () => {
    const id = await submit(ASHA)
    await settle()
    const [one] = await live(id)
    const alloc = one?.id ?? ''
    await report(validation(alloc, 1, 0.5))
    await expect(rig.db.transaction().execute(async (tx) => {
      expect(await advanceSearch(tx, id, [{ type: 'validated', trial: 1, metric: 0.1, time: 16 }])).toMatchObject([{ type: 'stop', trial: 1 }])
      throw new Error('cut')
    })).rejects.toThrow('cut')
    const [, two] = await live(id)
    await report(validation(two?.id ?? '', 1, 0.9))
    expect((await trials(id)).map((trial) => trial.stop)).toEqual([null, 'search', null, null])
    const before = await rig.db.transaction().execute((tx) => loadSearch(tx, id))
    forgetSearches()
    expect(await rig.db.transaction().execute((tx) => loadSearch(tx, id))).toEqual(before)
    expect(before.brackets.flatMap((bracket) => bracket.rungs.flatMap((rung) => [...rung.top, ...rung.rest]))).toHaveLength(2)
  })

  test('random: all failed is ERROR, one that ended well is enough; refused hyperparameters are replaced', async () => {
    const bad = await submit(random(3, 2))
    for (let turn = 0; turn < 3; turn += 1) {
      await settle()
      for (const { id } of await live(bad)) await report(exit(id, 'user-error', 'exit code 1'), drained(id))
    }
    await settle()
    expect([(await experiment(bad)).state, (await experiment(bad)).state_reason]).toEqual(['ERROR', 'none of 3 trials ended well'])
    const good = await submit(random(2, 1))
    await settle()
    const [refused] = await live(good)
    await report({ kind: 'early-exit', t: at, alloc: refused?.id ?? '', reason: 'INVALID_HP' }, exit(refused?.id ?? '', 'completed'), drained(refused?.id ?? ''))
    for (const end of ['user-error', 'completed'] as const) {
      await settle()
      for (const { id } of await live(good)) await report(exit(id, end), drained(id))
    }
    await settle()
    expect((await trials(good)).map((one) => one.state)).toEqual(['ERROR', 'ERROR', 'COMPLETED'])
    expect((await experiment(good)).state).toBe('COMPLETED')
  })

  test('paused, a trial that ends makes the next without allocation; activated it goes on; canceled nothing is made', async () => {
    const id = await submit(random(4, 1))
    await settle()
    await rig.commands.pause(id, 'bob')
    const [one] = await live(id)
    await report(exit(one?.id ?? '', 'completed'), drained(one?.id ?? ''))
    await settle()
    expect([(await trials(id)).map((trial) => trial.state), await live(id)]).toEqual([['COMPLETED', 'ACTIVE'], []])
    await rig.commands.activate(id, 'bob')
    await settle()
    expect(await live(id)).toMatchObject([{ number: 1, state: 'ASSIGNED' }])
    await rig.commands.cancel(id, 'bob')
    await settle()
    const [two] = await live(id)
    await report(exit(two?.id ?? '', 'preempted'), drained(two?.id ?? ''))
    await settle()
    expect([(await experiment(id)).state, (await trials(id)).map((trial) => trial.state)]).toEqual(['CANCELED', ['COMPLETED', 'CANCELED']])
  })

  test('killing one trial of a search leaves the others', async () => {
    const id = await submit(random(3, 2))
    await settle()
    const { id: trialId } = await rig.db.selectFrom('trials').select('id').where('experiment_id', '=', id).where('number', '=', 0).executeTakeFirstOrThrow()
    expect(await rig.commands.killTrial(trialId, 'bob')).toEqual({ kind: 'done' })
    await settle()
    expect((await live(id)).map((one) => one.want)).toEqual(['kill', 'run'])
    await report(exit(`trial-${trialId}.1`, 'stopped'), drained(`trial-${trialId}.1`))
    await settle()
    expect((await trials(id)).map((one) => one.state)).toEqual(['CANCELED', 'ACTIVE', 'ACTIVE'])
    expect((await experiment(id)).state).toBe('ACTIVE')
  })

  test('max_slots holds of all trials together; one trial that needs more is refused', async () => {
    const resources = { slots_per_trial: 2, resource_pool: '', priority: null, shm_size: null, max_slots: 5 }
    const id = await submit(random(4, 4), { resources })
    await settle()
    expect((await live(id)).map((one) => one.state)).toEqual(['ASSIGNED', 'ASSIGNED', 'PENDING', 'PENDING'])
    await expect(submit(random(4, 4), { resources: { ...resources, max_slots: 1 } })).rejects.toThrow(/max_slots is 1, and each trial needs 2 slots/)
  })

  test('warm start: every trial of the search starts from the newest committed checkpoint of the trial that is named', async () => {
    const { trialId, experimentId } = await rig.commands.createExperiment(newExperiment(rig, {}, false))
    const uuid = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333']
    await rig.db.insertInto('checkpoints').values(uuid.map((one, index) => ({
      uuid: one, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: experimentId, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: index + 1, steps: index * 10,
      state: index === 2 ? 'ERROR' as const : 'COMPLETED' as const, prefix: `somewhere/${one}`, manifest_digest: hash(index), resources: '{}', metadata: '{}', metrics: '{}', declared_at: new Date(),
    }))).execute()
    const id = await submit({ ...random(2, 2), source_trial_id: trialId })
    await settle()
    const specs = await rig.db.selectFrom('allocation_members').innerJoin('blobs', 'blobs.digest', 'spec_digest').innerJoin('allocations', 'allocations.id', 'allocation_id')
      .innerJoin('trials', 'trials.task_id', 'allocations.task_id').select('bytes').where('trials.experiment_id', '=', id).execute()
    expect(specs.map(({ bytes }) => JSON.parse(bytes.toString()).restore)).toEqual([1, 2].map(() => ({ uuid: uuid[1], prefix: `somewhere/${uuid[1]}`, steps: 10, ordinal: 2, manifest: hash(1) })))
    // the second attempt of a trial that saved nothing starts there again
    const [first] = await live(id)
    await report(state(first?.id ?? '', 'RUNNING'), exit(first?.id ?? '', 'preempted'), drained(first?.id ?? ''))
    for (let turn = 0; turn < 3; turn += 1) await settle()
    expect((await live(id)).map((one) => [one.id, one.state])).toContainEqual([(first?.id ?? '').replace(/\.1$/, '.2'), 'ASSIGNED'])
  })

  test('warm start: a trial that fails before its first checkpoint starts from the source again', async () => {
    const { trialId, experimentId: source } = await rig.commands.createExperiment(newExperiment(rig, {}, false))
    const uuid = '00000000-0000-4000-8000-00000000000a'
    await rig.db.insertInto('checkpoints').values({
      uuid, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: source, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: 1, steps: 5,
      state: 'COMPLETED', prefix: 'somewhere/a', manifest_digest: hash(1), resources: '{}', metadata: '{}', metrics: '{}', declared_at: new Date(),
    }).execute()
    const id = await submit({ ...random(1, 1), source_trial_id: trialId }, { max_restarts: 1 })
    await settle()
    const [first] = await live(id)
    if (!first) throw new Error('nothing was placed')
    await report(state(first.id, 'RUNNING'), exit(first.id, 'user-error'), drained(first.id))
    await settle()
    await settle()
    expect(await live(id)).toMatchObject([{ id: first.id.replace(/1$/, '2'), state: 'ASSIGNED' }])
    const told = await rig.db.selectFrom('events').select('data').where('kind', '=', 'allocation-assigned').where('experiment_id', '=', id).orderBy('id').execute()
    expect(told.map(({ data }) => data['restore'])).toEqual([uuid, uuid])
  })

  test('warm start: a source that is deleted between decision and commit is not placed with', async () => {
    const { experimentId: source, trialId } = await rig.commands.createExperiment(newExperiment(rig, {}, false))
    const uuid = '00000000-0000-4000-8000-00000000000b'
    await rig.db.insertInto('checkpoints').values({
      uuid, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: source, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: 1, steps: 5,
      state: 'COMPLETED', prefix: 'somewhere/b', manifest_digest: hash(1), resources: '{}', metadata: '{}', metrics: '{}', declared_at: new Date(),
    }).execute()
    await submit({ ...random(1, 1), source_checkpoint_uuid: uuid })
    const { pending, assignments } = await loadPendingAhead(rig.db, 1)
    const agents = await loadAgents(rig.db)
    const assigns = schedule({ agents, pending }).filter((decision) => decision.kind === 'assign')
    expect(assigns).toHaveLength(1)
    const apply = async (): Promise<number> => (await applyAssigns(rig.deps, rig.deps.leaderEpoch() ?? 0, assigns, { agents, assignments })).length
    await rig.db.updateTable('checkpoints').set({ state: 'DELETED' }).where('uuid', '=', uuid).execute()
    expect(await apply()).toBe(0)
    await rig.db.updateTable('checkpoints').set({ state: 'COMPLETED' }).where('uuid', '=', uuid).execute()
    expect(await apply()).toBe(1)
  })

  test('a source that is no committed checkpoint is refused with the cure', async () => {
    await expect(submit({ ...random(2, 1), source_trial_id: 999 })).rejects.toThrow(/source_trial_id is 999, which has no committed checkpoint/)
    await expect(submit({ ...random(2, 1), source_checkpoint_uuid: 'x\'; --' })).rejects.toThrow(/no committed checkpoint/)
  })
})
