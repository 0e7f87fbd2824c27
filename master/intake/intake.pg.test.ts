import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import type { LogBatch } from '../../protocol/wire/logs.ts'
import { addAgent, at, drained, exit, hash, heartbeat, inventory, newExperiment, numbered, openRig, state, type Rig } from '../loops/rig.ts'
import { lifecyclePass } from '../loops/lifecycle-loop.ts'
import { schedulePass } from '../loops/schedule-loop.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { FAILURES_MAX, takeEvents } from './take-events.ts'
import { takeHeartbeat, type HeartbeatDeps } from './take-heartbeat.ts'
import { takeLogs } from './take-logs.ts'

describe.skipIf(!PG_ADMIN_URL)('intake', () => {
  let rig: Rig
  let alloc = ''
  let trialId = 0
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors', 'dead_events'] as const) await rig.db.deleteFrom(table).execute()
    await addAgent(rig, 'a1', 2)
    await addAgent(rig, 'a2', 0)
    trialId = (await rig.commands.createExperiment(newExperiment(rig))).trialId
    alloc = `trial-${trialId}.1`
    await schedulePass(rig.deps)
  })
  const take = (from: number, events: NewAgentEvent[], agent = 'a1', inc = 1): Promise<number> => takeEvents(rig.events, agent, { v: 1, inc, events: numbered(from, events) })
  const metric = (steps: number, loss: unknown, group = 'validation'): NewAgentEvent => ({ kind: 'metrics', t: at, alloc, reports: [{ group, steps, t: at, values: { loss } }] })
  const stateOf = async (): Promise<string> => (await rig.db.selectFrom('allocations').select('state').where('id', '=', alloc).executeTakeFirstOrThrow()).state
  const trial = () => rig.db.selectFrom('trials').selectAll().where('id', '=', trialId).executeTakeFirstOrThrow()

  describe('events', () => {
    test('replays and gaps change nothing; the reply says where to go on', async () => {
      expect(await take(1, [metric(1, 3), metric(2, 2)])).toBe(2)
      expect(await take(1, [metric(1, 3), metric(2, 2)])).toBe(2)
      expect(await take(2, [metric(2, 2), metric(3, 1)])).toBe(3)
      expect(await take(9, [metric(9, 0)])).toBe(3)
      expect(await take(1, [metric(1, 5)], 'a1', 2)).toBe(1)
      expect((await rig.db.selectFrom('metrics').select('steps').orderBy('id').execute()).map((row) => row.steps)).toEqual([1, 2, 3, 1])
    })

    test('metrics, progress and notes come to rest in trial, experiment and log', async () => {
      await take(1, [metric(10, 0.5), metric(20, 0.25), metric(30, 'NaN'), metric(30, 1, 'training'), { kind: 'progress', t: at, alloc, progress: 0.5 }, { kind: 'note', t: at, alloc, level: 'WARNING', text: 'pulling' }])
      expect(await trial()).toMatchObject({ steps_completed: 30, searcher_metric: 0.25, progress: 0.5, best_validation: { steps: 20 }, latest_validation: { steps: 30, values: { loss: 'NaN' } }, latest_training: { steps: 30 } })
      expect(await rig.db.selectFrom('log_chunks').select(['first_line', 'source', 'lines', 'agent_id']).execute()).toEqual([{ first_line: 1, source: 'agent', lines: [[at, 'stdout', 'WARNING', 'pulling']], agent_id: 'a1' }])
    })

    test('a report in parts is one report once its last part is there, over two batches and a replay', async () => {
      const report = randomUUID()
      const whole = JSON.stringify({ group: 'validation', steps: 7, t: at, values: { loss: 0.5, list: Array.from({ length: 1000 }, (_, n) => n) }, batches: [{ loss: 1 }] })
      const part = (index: number): NewAgentEvent => ({ kind: 'metrics-part', t: at, alloc, report, part: index, of: 2, text: index === 0 ? whole.slice(0, 100) : whole.slice(100) })
      await take(1, [part(0)])
      expect(await rig.db.selectFrom('metrics').selectAll().execute()).toEqual([])
      await take(1, [part(0), part(1)])
      expect(await rig.db.selectFrom('metrics').select(['steps', 'values', 'batches']).execute()).toMatchObject([{ steps: 7, values: { loss: 0.5 }, batches: [{ loss: 1 }] }])
      expect(await rig.db.selectFrom('metrics_parts').selectAll().execute()).toEqual([])
      expect(await trial()).toMatchObject({ searcher_metric: 0.5 })
    })

    test('what a run says of itself, and a checkpoint in storage of the user\'s own: COMPLETED and not verified', async () => {
      const uuid = randomUUID()
      await take(1, [{ kind: 'status', t: at, alloc, state: 'validating' }, { kind: 'checkpoint-declared', t: at, alloc, uuid, ordinal: 1, steps: 4, reported: { how: 'own', metadata: { steps_completed: 4 }, resources: { a: 5 } } }])
      expect(await trial()).toMatchObject({ runner_state: 'validating' })
      expect(await rig.db.selectFrom('checkpoints').select(['state', 'kind', 'bytes', 'resources', 'metadata', 'manifest_digest']).execute()).toEqual([{ state: 'COMPLETED', kind: 'own', bytes: 5, resources: { a: 5 }, metadata: { steps_completed: 4 }, manifest_digest: null }])
    })

    test('a state never goes back', async () => {
      await take(1, [state(alloc, 'RUNNING'), state(alloc, 'PULLING')])
      expect(await stateOf()).toBe('RUNNING')
      await take(3, [exit(alloc, 'completed'), state(alloc, 'RUNNING'), exit(alloc, 'user-error', 'late')])
      expect(await rig.db.selectFrom('allocations').select(['state', 'exit_kind']).where('id', '=', alloc).executeTakeFirst()).toEqual({ state: 'DRAINING', exit_kind: 'completed' })
    })

    test('events of a foreign, unknown or sealed allocation have no effect and hold up nothing (I3)', async () => {
      expect(await take(1, [exit(alloc, 'completed'), metric(5, 1)], 'a2')).toBe(2)
      expect(await take(1, [exit(`trial-${trialId}.7`, 'completed'), exit('nobody.1', 'completed')])).toBe(2)
      expect(await stateOf()).toBe('ASSIGNED')
      await take(3, [exit(alloc, 'preempted'), drained(alloc)])
      await lifecyclePass(rig.deps)
      expect(await take(5, [metric(7, 1), { kind: 'checkpoint-declared', t: at, alloc, uuid: randomUUID(), ordinal: 1, steps: 7 }])).toBe(6)
      expect(await rig.db.selectFrom('metrics').selectAll().execute()).toEqual([])
      expect(await rig.db.selectFrom('checkpoints').selectAll().execute()).toEqual([])
    })

    test('a poisonous entry keeps the good ones before it, is tried five times, laid aside, and the rest goes on', async () => {
      const poison = { kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: 2 ** 40, t: at, values: { 'k\u0000': 'v\uD800' } }] } as NewAgentEvent
      const send = (): Promise<number> => take(1, [metric(1, 1), poison, metric(3, 3)])
      for (let tried = 1; tried < FAILURES_MAX; tried += 1) expect(await send()).toBe(1)
      expect(await send()).toBe(3)
      expect(await rig.db.selectFrom('dead_events').select(['agent_id', 'inc', 'seq']).execute()).toEqual([{ agent_id: 'a1', inc: 1, seq: 2 }])
      expect((await rig.db.selectFrom('metrics').select('steps').orderBy('id').execute()).map((row) => row.steps)).toEqual([1, 3])
    })

    test.each([['no object', 7], ['no seq', { kind: 'state' }], ['unknown kind', { seq: 2, kind: 'rm -rf', alloc: 'x.1', t: at }], ['deep', { seq: 2, kind: 'metrics', t: at, reports: deep(3000) }]])('a malformed entry (%s) is laid aside like any other', async (_name, bad) => {
      const send = (): Promise<number> => takeEvents(rig.events, 'a1', { v: 1, inc: 1, events: [numbered(1, [metric(1, 1)])[0], bad, numbered(3, [metric(3, 3)])[0]] })
      for (let tried = 0; tried < FAILURES_MAX; tried += 1) await send()
      expect(await send()).toBe(3)
      expect(await rig.db.selectFrom('dead_events').select('seq').execute()).toEqual([{ seq: 2 }])
    })

    test('NUL and lone surrogates never break Postgres', async () => {
      const dirty = 'a\u0000b\uDFFF'
      expect(await take(1, [{ kind: 'metrics', t: at, alloc, reports: [{ group: 'validation', steps: 1, t: at, values: { [dirty]: [dirty] } }] }, { kind: 'note', t: at, alloc, level: 'INFO', text: 'x\uD800' }, exit(alloc, 'user-error', 'boom \uD800')])).toBe(3)
      expect((await rig.db.selectFrom('metrics').select('values').executeTakeFirstOrThrow()).values).toEqual({ 'a\uFFFDb\uFFFD': ['a\uFFFDb\uFFFD'] })
    })

    test('a checkpoint: the prefix is the master\'s own word, a uuid of another allocation is not touched', async () => {
      const uuid = randomUUID()
      await take(1, [{ kind: 'checkpoint-declared', t: at, alloc, uuid, ordinal: 2, steps: 40 }])
      const { prefix, state: declared } = await rig.db.selectFrom('checkpoints').select(['prefix', 'state']).executeTakeFirstOrThrow()
      expect(declared).toBe('ACTIVE')
      expect(prefix).toMatch(new RegExp(`^p/${rig.deps.clusterId}/experiments/\\d+-fashion-mnist/trials/${trialId}/checkpoints/e1-2/${uuid}$`))
      const other = (await rig.commands.createExperiment(newExperiment(rig))).trialId
      await schedulePass(rig.deps)
      await take(2, [{ kind: 'checkpoint-failed', t: at, alloc: `trial-${other}.1`, uuid, error: 'mine' }])
      expect((await rig.db.selectFrom('checkpoints').select('state').executeTakeFirstOrThrow()).state).toBe('ACTIVE')
      await take(3, [{ kind: 'checkpoint-uploaded', t: at, alloc, uuid, ordinal: 2, steps: 40, manifest: hash(5), files: 1, bytes: 9, metadata: { epoch: 1 } }])
      expect(await rig.db.selectFrom('checkpoints').select(['manifest_digest', 'bytes', 'metadata']).executeTakeFirst()).toEqual({ manifest_digest: hash(5), bytes: 9, metadata: { epoch: 1 } })
      expect(rig.woken.has('checkpoints')).toBe(true)
    })

    test('parallel batches of one agent are applied once, in order', async () => {
      const batches = Array.from({ length: 6 }, (_, i) => numbered(1 + i * 2, [metric(i * 2 + 1, 1), metric(i * 2 + 2, 1)]))
      for (let round = 0; round < 6; round += 1) await Promise.all(batches.map((events) => takeEvents(rig.events, 'a1', { v: 1, inc: 1, events })))
      expect((await rig.db.selectFrom('metrics').select('steps').orderBy('id').execute()).map((row) => row.steps)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    })
  })

  describe('logs', () => {
    const batch = (from: number, to: number, texts: string[], over: Partial<LogBatch> = {}): LogBatch => ({ v: 1, rank: 0, containerId: 'c1', from, to, lines: texts.map((text) => ({ t: at, std: 'stdout', text })), ...over })

    test('only what begins at the cursor is applied; lines are numbered within the task (I11)', async () => {
      expect(await takeLogs(rig.db, 'a1', alloc, batch(0, 0, []))).toEqual({ v: 1, ok: true, cursor: 0 })
      expect(await takeLogs(rig.db, 'a1', alloc, batch(0, 30, ['INFO: one', 'two\u0000']))).toEqual({ v: 1, ok: true, cursor: 30 })
      expect(await takeLogs(rig.db, 'a1', alloc, batch(0, 30, ['INFO: one', 'two']))).toEqual({ v: 1, ok: true, cursor: 30 })
      expect(await takeLogs(rig.db, 'a1', alloc, batch(90, 99, ['gap']))).toEqual({ v: 1, ok: true, cursor: 30 })
      await takeLogs(rig.db, 'a1', alloc, batch(30, 40, ['three']))
      const chunks = await rig.db.selectFrom('log_chunks').select(['first_line', 'line_count', 'lines']).orderBy('first_line').execute()
      expect(chunks).toEqual([
        { first_line: 1, line_count: 2, lines: [[at, 'stdout', 'INFO', 'INFO: one'], [at, 'stdout', '', 'two\uFFFD']] },
        { first_line: 3, line_count: 1, lines: [[at, 'stdout', '', 'three']] },
      ])
    })

    test('foreign, unknown rank and sealed are final', async () => {
      expect(await takeLogs(rig.db, 'a2', alloc, batch(0, 5, ['x']))).toMatchObject({ ok: false, final: true })
      expect(await takeLogs(rig.db, 'a1', alloc, batch(0, 5, ['x'], { rank: 3 }))).toMatchObject({ ok: false, final: true })
      expect(await takeLogs(rig.db, 'a1', alloc, batch(5, 0, ['x']))).toMatchObject({ ok: false, final: false })
      await take(1, [exit(alloc, 'completed'), drained(alloc)])
      expect(await takeLogs(rig.db, 'a1', alloc, batch(0, 5, ['late but not sealed']))).toMatchObject({ ok: true })
      await lifecyclePass(rig.deps)
      expect(await takeLogs(rig.db, 'a1', alloc, batch(5, 9, ['x']))).toMatchObject({ ok: false, final: true })
    })
  })

  describe('heartbeats', () => {
    const deps = (): HeartbeatDeps => ({ db: rig.db, incarnation: rig.incarnation, wake: rig.events.wake, presence: { note: () => undefined, ended: Promise.resolve() } })

    test('same only when generation and store match and nothing held is stale', async () => {
      const first = await takeHeartbeat(deps(), 'a1', heartbeat(rig))
      expect(first).toMatchObject({ kind: 'desired', needInventory: false, generation: 2, desired: [{ alloc, want: 'run' }] })
      expect(await takeHeartbeat(deps(), 'a1', heartbeat(rig, { have: 2 }))).toEqual({ v: 1, kind: 'same', store: rig.incarnation, needInventory: false })
      expect(await takeHeartbeat(deps(), 'a1', heartbeat(rig, { have: 2, store: 'other' }))).toMatchObject({ kind: 'desired' })
      expect(await takeHeartbeat(deps(), 'a1', heartbeat(rig, { have: 2, inventoryHash: hash(9) }))).toMatchObject({ kind: 'same', needInventory: true })
    })

    test('sealed, unknown and foreign allocations it holds are to be discarded until it holds them no more', async () => {
      await take(1, [exit(alloc, 'preempted'), drained(alloc)])
      await lifecyclePass(rig.deps)
      const held = [alloc, 'ghost.3'].map((id) => ({ alloc: id, state: 'DRAINING' as const }))
      const reply = await takeHeartbeat(deps(), 'a1', heartbeat(rig, { inventory: inventory(2, held), inventoryHash: hash(7) }))
      expect(reply).toMatchObject({ kind: 'desired', desired: [{ alloc: 'ghost.3', want: 'discard' }, { alloc, want: 'discard' }] })
      const generation = reply.kind === 'desired' ? reply.generation : 0
      expect(await takeHeartbeat(deps(), 'a1', heartbeat(rig, { have: generation, inventoryHash: hash(7) }))).toMatchObject({ kind: 'desired' })
      expect(await takeHeartbeat(deps(), 'a1', heartbeat(rig, { have: generation, inventory: inventory(2), inventoryHash: hash(8) }))).toMatchObject({ kind: 'same' })
    })

    test('an agent that is not enrolled is refused; one that was silent is heard again', async () => {
      expect(await takeHeartbeat(deps(), 'nobody', heartbeat(rig))).toMatchObject({ kind: 'refused' })
      await rig.db.updateTable('agents').set({ seen_at: new Date(0) }).where('id', '=', 'a1').execute()
      rig.woken.clear()
      await takeHeartbeat(deps(), 'a1', heartbeat(rig, { outbox: 3 }))
      const row = await rig.db.selectFrom('agents').select(['seen_at', 'outbox']).where('id', '=', 'a1').executeTakeFirstOrThrow()
      expect(Date.now() - (row.seen_at?.getTime() ?? 0)).toBeLessThan(10_000)
      expect(row.outbox).toBe(3)
      expect(rig.woken.has('schedule')).toBe(true)
    })
  })
})

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i += 1) value = [value]
  return value
}
