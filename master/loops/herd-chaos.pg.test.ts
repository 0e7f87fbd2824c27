import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { takeEvents } from '../intake/take-events.ts'
import { scale } from '../scale/decide.ts'
import { refuse } from '../cloud/double.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { HERD, openHerdRig, provider, speak, type HerdRig } from './herd-rig.ts'
import { lifecyclePass } from './lifecycle-loop.ts'
import { drained, exit, newExperiment, numbered, state } from './rig.ts'
import { schedulePass } from './schedule-loop.ts'

const MAX = 4
const ROUNDS = 40

describe.skipIf(!PG_ADMIN_URL)('the herd under faults', () => {
  let rig: HerdRig
  beforeAll(async () => { rig = await openHerdRig([{ name: 'gpu', provider: provider({ market: 'spot-then-on-demand', maxInstances: MAX, maxIdleMs: 60_000 }) }]) })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    await rig.clear()
    await rig.db.deleteFrom('cursors').execute()
    rig.decider.decide = scale
  })

  test.each([1, 2, 3, 4])('seed %i: caps and pauses are kept all the time, work gets done, and at rest nothing runs (I7, I8, I10, I12)', { timeout: 120_000 }, async (seed) => {
    const random = seeded(seed)
    const chance = (share: number): boolean => random() < share
    const seqs = new Map<string, number>()
    const calls: { token: string; at: number }[] = []
    let time = 0
    const pass = async (): Promise<void> => {
      await schedulePass(rig.deps)
      const from = rig.cloud.launches.length
      await rig.scale()
      for (const call of rig.cloud.launches.slice(from)) calls.push({ token: call.token, at: time })
      await rig.truth(chance(0.6))
      await lifecyclePass(rig.deps)
    }
    const step = async (faults: boolean): Promise<void> => {
      if (faults) inject(chance)
      else calm()
      await agentsAct(chance, seqs)
      await pass()
      const running = [...rig.cloud.instances.values()].filter((one) => one.state === 'pending' || one.state === 'running')
      expect(running.length).toBeLessThanOrEqual(MAX)
      const ms = faults ? 3_000 : 20_000
      rig.advance(ms)
      time += ms
    }

    for (let round = 0; round < ROUNDS; round += 1) {
      if (chance(0.3)) await rig.commands.createExperiment(newExperiment(rig, { resources: { slots_per_trial: 1, resource_pool: 'gpu', priority: null, shm_size: null } }))
      await step(true)
    }
    for (let round = 0; round < 90 && !(await atRest()); round += 1) await step(false)
    expect(await atRest()).toBe(true)

    for (let index = 1; index < calls.length; index += 1) expect((calls[index]?.at ?? 0) - (calls[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(HERD.callMs)
    // one token, one set of instances, whatever was lost
    expect(new Set([...rig.cloud.instances.values()].map((one) => one.launch)).size).toBeLessThanOrEqual(new Set(calls.map((call) => call.token)).size)
    expect((await rig.db.selectFrom('experiments').select('state').execute()).every((row) => row.state === 'COMPLETED')).toBe(true)
    expect(await rig.db.selectFrom('launches').select('id').where('state', '=', 'LAUNCHING').execute()).toEqual([])
    const events = await rig.db.selectFrom('events').select('id').execute()
    await pass()
    expect(await rig.db.selectFrom('events').select('id').execute()).toHaveLength(events.length)
  })

  /** All work done, every row GONE, nothing of ours left in EC2. */
  async function atRest(): Promise<boolean> {
    const open = await rig.db.selectFrom('instances').select('id').where('state', '<>', 'GONE').execute()
    const work = await rig.db.selectFrom('allocations').select('id').where('state', '<>', 'SEALED').execute()
    return open.length === 0 && work.length === 0 && [...rig.cloud.instances.values()].every((one) => one.state === 'terminated' || one.state === 'shutting-down')
  }

  function inject(chance: (share: number) => boolean): void {
    rig.cloud.loseReplies = chance(0.3) ? 1 : 0
    rig.cloud.emptyLists = chance(0.2)
    rig.cloud.rule = (call) => (chance(0.2) ? refuse('throttled', 'RequestLimitExceeded') : call.market === 'spot' && chance(0.4) ? refuse('capacity', 'InsufficientInstanceCapacity') : null)
    rig.cloud.down.clear()
    if (chance(0.15)) rig.cloud.down.set('us-east-1', refuse('unavailable', 'ECONNREFUSED'))
    rig.cloud.hidden.clear()
    for (const [id, one] of rig.cloud.instances) {
      if (chance(0.2)) rig.cloud.hidden.set(id, { byId: chance(0.5) })
      if (one.state === 'pending') rig.cloud.set(id, 'running')
      if (one.state === 'shutting-down' && chance(0.5)) rig.cloud.set(id, 'terminated', one.stateReason)
    }
  }

  function calm(): void {
    Object.assign(rig.cloud, { rule: () => null, loseReplies: 0, emptyLists: false })
    rig.cloud.down.clear()
    rig.cloud.hidden.clear()
    for (const [id, one] of rig.cloud.instances) if (one.state === 'pending') rig.cloud.set(id, 'running')
  }

  /** Agents speak, work, and drain when they are asked to. */
  async function agentsAct(chance: (share: number) => boolean, seqs: Map<string, number>): Promise<void> {
    const known = new Set((await rig.db.selectFrom('agents').select('id').execute()).map((row) => row.id))
    const rows = await rig.db.selectFrom('instances').select('id').where('state', '=', 'STARTING').execute()
    for (const { id } of rows) if (!known.has(id) && rig.cloud.instances.get(id)?.state === 'running' && chance(0.7)) await speak(rig, id, 1)
    await rig.db.updateTable('agents').set({ seen_at: new Date(Date.now() + 86_400_000) }).execute()
    const held = await rig.db.selectFrom('allocation_members as m').innerJoin('allocations as a', 'a.id', 'm.allocation_id').select(['a.id', 'm.agent_id']).where('a.state', '=', 'ASSIGNED').execute()
    for (const { id, agent_id: agent } of held) {
      // I8: whoever works has its machine
      expect(rig.cloud.instances.get(agent)?.state).toBe('running')
      if (!chance(0.5)) continue
      const from = (seqs.get(agent) ?? 0) + 1
      await takeEvents(rig.events, agent, { v: 1, inc: 1, events: numbered(from, [state(id, 'RUNNING'), exit(id, 'completed'), drained(id)]) })
      seqs.set(agent, from + 2)
    }
    await rig.db.updateTable('agents').set({ drained: true }).where('retiring', 'is not', null).execute()
  }
})

/** mulberry32 */
function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
