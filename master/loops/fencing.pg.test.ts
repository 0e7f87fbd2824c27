import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Bucket } from '../../protocol/bucket/door.ts'
import { takeEvents } from '../intake/take-events.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { acquireLeader, assertLeader, NotLeaderError } from '../store/leader.ts'
import { adoptionPass } from './adoption-loop.ts'
import type { CheckpointDeps } from './checkpoint-deps.ts'
import { checkpointsPass } from './checkpoints-loop.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { lossPass, type LossDeps } from './loss-loop.ts'
import { lossDeps, silence, submit } from './loss-rig.ts'
import { addAgent, at, exit, hash, numbered, openRig, state, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

/** Two masters on one database (F15): the one that was leader and does not know yet that it is no more commits nothing. */
describe.skipIf(!PG_ADMIN_URL)('two masters', () => {
  type Deps = LossDeps & CheckpointDeps
  const signal = new AbortController().signal
  let rig: Rig
  let epochs = { old: 0, new: 0 }
  const passes: { readonly [name: string]: (deps: Deps) => Promise<void> } = {
    schedule: schedulePass, lifecycle: lifecyclePass, loss: lossPass, checkpoints: (deps) => checkpointsPass(deps, signal), adoption: (deps) => adoptionPass(deps, signal),
  }
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    for (const table of ['experiments', 'agents', 'cursors', 'events', 'tokens'] as const) await rig.db.deleteFrom(table).execute()
    await rig.db.deleteFrom('leader').execute()
    const old = await acquireLeader(rig.db, 'old')
    await rig.db.updateTable('leader').set({ until: new Date(0) }).execute()
    epochs = { old: old ?? 0, new: (await acquireLeader(rig.db, 'new')) ?? 0 }
    expect(epochs.new).toBe(epochs.old + 1)
  })

  /** A master that holds itself to be the leader of this epoch. */
  function master(epoch: number): Deps {
    const bucket = { url: 's3://b', list: async function* () { /* empty */ }, putBytes: () => Promise.resolve(), close: () => undefined } as unknown as Bucket
    return {
      ...lossDeps(rig), leaderEpoch: () => epoch, buckets: { of: () => bucket, close: () => undefined },
      verify: async (_bucket, prefix) => {
        const row = await rig.db.selectFrom('checkpoints').selectAll().where('prefix', '=', prefix).executeTakeFirstOrThrow()
        return { ok: true, resources: {}, bytes: 1, manifest: { format: 'drover-manifest/1', uuid: row.uuid, alloc: row.allocation_id, epoch: row.epoch, ordinal: row.ordinal, steps: row.steps, parent: null, createdAt: '', metadata: {}, files: [] } }
      },
    }
  }
  /** All that a decision could change. */
  async function everything(): Promise<string> {
    const tables = ['allocations', 'allocation_members', 'agents', 'checkpoints', 'trials', 'experiments', 'tasks', 'tokens', 'events', 'alarms'] as const
    return createHash('sha256').update(JSON.stringify(await Promise.all(tables.map((table) => rig.db.selectFrom(table).selectAll().execute())))).digest('hex')
  }
  /** One experiment at each stop, so that every loop has something to decide. */
  async function busy(): Promise<void> {
    for (const id of ['a1', 'a2', 'a3', 'a4']) await addAgent(rig, id, 1)
    const running = [await submit(rig), await submit(rig), await submit(rig)]
    await schedulePass(master(epochs.new))
    const [uploading, ended, lost] = running
    const report = async (alloc: string | undefined, ...events: Parameters<typeof numbered>[1]): Promise<void> => {
      const { agent_id } = await rig.db.selectFrom('allocation_members').select('agent_id').where('allocation_id', '=', alloc ?? '').executeTakeFirstOrThrow()
      await takeEvents(rig.events, agent_id, { v: 1, inc: 1, events: numbered(1, events) })
    }
    await report(uploading?.alloc, state(uploading?.alloc ?? '', 'RUNNING'), { kind: 'checkpoint-uploaded', t: at, alloc: uploading?.alloc ?? '', uuid: randomUUID(), ordinal: 1, steps: 5, manifest: hash(1), files: 1, bytes: 1, metadata: {} })
    await report(ended?.alloc, exit(ended?.alloc ?? '', 'completed'), { kind: 'drained', t: at, alloc: ended?.alloc ?? '' })
    const holder = await rig.db.selectFrom('allocation_members').select('agent_id').where('allocation_id', '=', lost?.alloc ?? '').executeTakeFirstOrThrow()
    await silence(rig, 400, holder.agent_id)
    await lossPass(master(epochs.new))
    await silence(rig, 400, 'a4')
    await submit(rig)
  }

  test('whatever the old one decides is dropped, in every loop; the new one carries it out', async () => {
    await busy()
    const before = await everything()
    for (const [name, pass] of Object.entries(passes)) {
      const error = await pass(master(epochs.old)).catch((thrown: unknown) => thrown)
      const first: unknown = error instanceof AggregateError ? error.errors[0] : error
      expect(first, name).toBeInstanceOf(NotLeaderError)
      expect(await everything(), name).toBe(before)
    }
    for (const [name, pass] of Object.entries(passes)) {
      const was = await everything()
      await pass(master(epochs.new))
      expect(await everything(), name).not.toBe(was)
    }
  })

  test('both at once, again and again: each decision is carried out once, by the leader', async () => {
    await busy()
    for (let round = 0; round < 6; round += 1) {
      const outcomes = await Promise.allSettled(Object.values(passes).flatMap((pass) => [pass(master(epochs.old)), pass(master(epochs.new))]))
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(String(outcome.reason instanceof AggregateError ? outcome.reason.errors[0] : outcome.reason)).toContain(`leader epoch ${epochs.old} is over`)
    }
    const texts = (await rig.db.selectFrom('events').select(['kind', 'text']).where('kind', 'in', ['agent-lost', 'allocation-sealed', 'checkpoint-completed', 'allocation-adopted', 'allocation-created']).execute()).map((row) => row.text)
    expect(new Set(texts).size).toBe(texts.length)
    const live = (await rig.db.selectFrom('allocations').select('task_id').where('state', '<>', 'SEALED').execute()).map((row) => row.task_id)
    expect(live).toHaveLength(new Set(live).size)
  })

  test('a decision under way keeps the next leader out until it is committed', async () => {
    await rig.db.updateTable('leader').set({ until: new Date(0) }).execute()
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const decides = rig.db.transaction().execute(async (tx) => {
      await assertLeader(tx, epochs.new)
      begun.resolve()
      await gate.promise
    })
    await begun.promise
    const taken = acquireLeader(rig.db, 'third')
    expect(await Promise.race([taken, new Promise((resolve) => setTimeout(() => resolve('it waits'), 300))])).toBe('it waits')
    gate.resolve()
    await decides
    expect(await taken).toBe(epochs.new + 1)
  })
})
