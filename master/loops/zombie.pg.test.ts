import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Bucket } from '../../protocol/bucket/door.ts'
import type { AgentEventKind, NewAgentEvent } from '../../protocol/wire/events.ts'
import { agentOf } from '../agent-api/bearer.ts'
import { takeEvents } from '../intake/take-events.ts'
import { takeHeartbeat, type HeartbeatDeps } from '../intake/take-heartbeat.ts'
import { takeLogs } from '../intake/take-logs.ts'
import { mayRead } from '../store/blobs.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { findAllocationToken } from '../store/queries/sessions.ts'
import { hashToken, newToken } from '../store/secrets.ts'
import { adoptionPass } from './adoption-loop.ts'
import type { CheckpointDeps } from './checkpoint-deps.ts'
import { checkpointsPass } from './checkpoints-loop.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { lossPass } from './loss-loop.ts'
import { addInstance, lossDeps, silence } from './loss-rig.ts'
import { addAgent, at, drained, exit, hash, heartbeat, inventory, newExperiment, numbered, openRig, state, type Rig } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

/**
 * An agent that was lost and lives on (F10): its attempt is sealed, the next one waits. Whatever it says or asks about the
 * old epoch is refused wherever it could be taken (I3).
 */
describe.skipIf(!PG_ADMIN_URL).each([['a machine of its own', false], ['an instance of EC2', true]])('a zombie, %s', (_name, onEc2) => {
  const signal = new AbortController().signal
  const id = onEc2 ? 'i-0a' : 'a1'
  const declared = randomUUID()
  let rig: Rig
  let deps: CheckpointDeps
  let alloc = ''
  let seq = 0
  let spec: { digest: string; token: string; context: string }
  let agentToken = ''
  const reads: string[] = []

  beforeAll(async () => {
    rig = await openRig()
    const empty = { url: 's3://b', list: async function* () { /* nothing was uploaded */ }, close: () => undefined } as unknown as Bucket
    deps = {
      ...rig.deps, buckets: { of: () => empty, close: () => undefined },
      verify: (_bucket, prefix) => {
        reads.push(prefix)
        return Promise.resolve({ ok: true, resources: {}, bytes: 1, manifest: { format: 'drover-manifest/1', uuid: declared, alloc, epoch: 1, ordinal: 1, steps: 10, parent: null, createdAt: '', metadata: {}, files: [] } })
      },
    }
    await addAgent(rig, id, 2)
    if (onEc2) await addInstance(rig, id)
    const { token, hash: kept } = newToken()
    agentToken = token
    await rig.db.insertInto('tokens').values({ hash: kept, kind: 'agent', user_id: null, allocation_id: null, agent_id: id }).execute()
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig))
    alloc = `trial-${trialId}.1`
    await schedulePass(rig.deps)
    const row = await rig.db.selectFrom('allocation_members as m').innerJoin('blobs as b', 'b.digest', 'm.spec_digest').select(['b.digest', 'b.bytes']).executeTakeFirstOrThrow()
    spec = { digest: row.digest, ...(JSON.parse(row.bytes.toString()) as { token: string; context: string }) }
    await say(state(alloc, 'RUNNING'), { kind: 'checkpoint-declared', t: at, alloc, uuid: declared, ordinal: 1, steps: 10 })
    expect(await findAllocationToken(rig.db, hashToken(spec.token))).toMatchObject({ allocationId: alloc })
    expect([await mayRead(rig.db, id, spec.digest), await mayRead(rig.db, id, spec.context)]).toEqual([true, true])
    await silence(rig, 400, id)
    await lossPass(lossDeps(rig))
    // lost, its epoch still lives: its container and its agent ask in vain already
    expect(await findAllocationToken(rig.db, hashToken(spec.token))).toBeNull()
    expect([await mayRead(rig.db, id, spec.digest), await mayRead(rig.db, id, spec.context)]).toEqual([false, false])
    await rig.db.updateTable('instances').set({ terminating_at: new Date(0) }).execute()
    await adoptionPass(deps, signal)
    await lifecyclePass(rig.deps)
  })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    expect(await rig.db.selectFrom('allocations').select(['id', 'state']).orderBy('epoch').execute()).toEqual([{ id: alloc, state: 'SEALED' }, { id: alloc.replace('.1', '.2'), state: 'PENDING' }])
  })

  async function say(...events: NewAgentEvent[]): Promise<void> {
    const from = seq + 1
    seq += events.length
    expect(await takeEvents(rig.events, id, { v: 1, inc: 1, events: numbered(from, events) })).toBe(seq)
  }
  /** All that an agent could change. */
  async function everything(): Promise<string> {
    const tables = ['allocations', 'allocation_members', 'checkpoints', 'metrics', 'log_chunks', 'trials', 'experiments', 'tasks', 'tokens', 'instances', 'dead_events'] as const
    const all = await Promise.all(tables.map((table) => rig.db.selectFrom(table).selectAll().execute()))
    return createHash('sha256').update(JSON.stringify(all)).digest('hex')
  }

  const base = { t: at, alloc: '' }
  const kinds: { readonly [K in Exclude<AgentEventKind, 'notice'>]: (alloc: string) => NewAgentEvent } = {
    state: (to) => state(to, 'RUNNING'),
    note: (to) => ({ ...base, alloc: to, kind: 'note', level: 'INFO', text: 'here I am' }),
    metrics: (to) => ({ ...base, alloc: to, kind: 'metrics', reports: [{ group: 'validation', steps: 99, t: at, values: { loss: 0 } }] }),
    progress: (to) => ({ ...base, alloc: to, kind: 'progress', progress: 1 }),
    'checkpoint-declared': (to) => ({ ...base, alloc: to, kind: 'checkpoint-declared', uuid: randomUUID(), ordinal: 2, steps: 99 }),
    'checkpoint-uploaded': (to) => ({ ...base, alloc: to, kind: 'checkpoint-uploaded', uuid: declared, ordinal: 1, steps: 10, manifest: hash(1), files: 1, bytes: 1, metadata: {} }),
    'checkpoint-failed': (to) => ({ ...base, alloc: to, kind: 'checkpoint-failed', uuid: declared, error: 'x' }),
    exit: (to) => exit(to, 'completed'),
    drained,
    'preempt-ack': (to) => ({ ...base, alloc: to, kind: 'preempt-ack' }),
    'early-exit': (to) => ({ ...base, alloc: to, kind: 'early-exit', reason: 'INVALID_HP' }),
    rendezvous: (to) => ({ ...base, alloc: to, kind: 'rendezvous', address: '10.0.0.1', port: 1 }),
    'metrics-part': (to) => ({ ...base, alloc: to, kind: 'metrics-part', report: randomUUID(), part: 0, of: 1, text: JSON.stringify({ group: 'validation', steps: 99, t: at, values: { loss: 0 } }) }),
    'checkpoint-part': (to) => ({ ...base, alloc: to, kind: 'checkpoint-part', uuid: declared, list: hash(1) }),
    status: (to) => ({ ...base, alloc: to, kind: 'status', state: 'training' }),
  }
  test.each(Object.entries(kinds))('event %s: of the old epoch and of the one that is not its own, without effect', async (_kind, event) => {
    const before = await everything()
    await say(event(alloc), event(alloc.replace('.1', '.2')))
    expect(await everything()).toBe(before)
  })

  test('log lines are refused for good', async () => {
    const before = await everything()
    expect(await takeLogs(rig.db, id, alloc, { v: 1, rank: 0, containerId: 'c1', from: 0, to: 5, lines: [{ t: at, std: 'stdout', text: 'still here' }] })).toMatchObject({ ok: false, final: true })
    expect(await everything()).toBe(before)
  })

  test('a checkpoint is never committed, not even one whose row says uploaded', async () => {
    await rig.db.updateTable('checkpoints').set({ state: 'ACTIVE', uploaded_at: new Date(), manifest_digest: hash(1), error: '' }).where('uuid', '=', declared).execute()
    await checkpointsPass(deps, signal)
    expect(reads).toHaveLength(1) // it was read and found whole: the epoch alone refuses it
    expect(await rig.db.selectFrom('checkpoints').select(['state', 'pointer_written']).execute()).toEqual([{ state: 'ACTIVE', pointer_written: false }])
    await rig.db.updateTable('checkpoints').set({ state: 'ERROR' }).execute()
    await adoptionPass(deps, signal)
    expect(reads).toHaveLength(1)
  })

  test('the container\'s token is dead, and neither spec nor model definition is given out', async () => {
    expect(await findAllocationToken(rig.db, hashToken(spec.token))).toBeNull()
    expect([await mayRead(rig.db, id, spec.digest), await mayRead(rig.db, id, spec.context)]).toEqual([false, false])
  })

  test('the agent: an instance is known no more; a machine of its own is, and is told to discard', async () => {
    expect((await agentOf(rig.db, { authorization: `Bearer ${agentToken}` }))?.id).toBe(onEc2 ? undefined : id)
    const beats: HeartbeatDeps = { db: rig.db, incarnation: rig.incarnation, wake: rig.events.wake, presence: { note: () => undefined, ended: Promise.resolve() } }
    const reply = await takeHeartbeat(beats, id, heartbeat(rig, { inventory: inventory(2, [{ alloc, state: 'RUNNING' }]), inventoryHash: hash(9) }))
    if (onEc2) expect(reply).toMatchObject({ kind: 'refused' })
    else expect(reply).toMatchObject({ kind: 'desired', desired: [{ alloc, want: 'discard' }] })
  })
})
