import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALLOCATION_STATES, EXPERIMENT_STATES, WANTS } from '../../protocol/words/states.ts'
import { decideTrial } from '../reconcile/lifecycle.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { loadLifecycle } from './lifecycle-load.ts'
import { addAgent, newExperiment, openRig, type Rig } from './rig.ts'

describe.skipIf(!PG_ADMIN_URL)('trials at rest', () => {
  let rig: Rig
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())

  test('are left out of a pass, and no trial with a next step ever is', async () => {
    const agents = { calm: {}, disabled: { enabled: false }, draining: { enabled: false, draining: true }, spot: { notice: 'spot' as const }, rebalance: { notice: 'rebalance' as const }, slot: { disabled_slots: '["cpu0"]' }, drainingSlot: { disabled_slots: '["cpu0"]', draining_slots: '["cpu0"]' } }
    for (const [id, set] of Object.entries(agents)) {
      await addAgent(rig, id, 1)
      if (Object.keys(set).length > 0) await rig.db.updateTable('agents').set(set).where('id', '=', id).execute()
    }
    const cases = EXPERIMENT_STATES.flatMap((experiment) => ALLOCATION_STATES.flatMap((allocation) => WANTS.flatMap((want) => [null, 'completed', 'user-error', 'lost'].flatMap((exit) => Object.keys(agents).map((agent) => ({ experiment, allocation, want, exit, agent }))))))
    const made = await Promise.all(cases.map(() => rig.commands.createExperiment(newExperiment(rig))))
    const rows = JSON.stringify(cases.map((one, index) => ({ ...one, id: made[index]?.experimentId, task: `trial-${made[index]?.trialId}` })))
    const given = sql`jsonb_to_recordset(${rows}::jsonb) AS g (id int, task text, experiment text, allocation text, want text, exit text, agent text)`
    await sql`UPDATE experiments e SET state = g.experiment FROM ${given} WHERE e.id = g.id`.execute(rig.db)
    await sql`UPDATE allocations a SET state = g.allocation, want = g.want, exit_kind = g.exit, want_at = now() - interval '1 day', ended_at = now() FROM ${given} WHERE a.task_id = g.task`.execute(rig.db)
    await sql`UPDATE trials SET stop = CASE WHEN id % 2 = 0 THEN 'search' ELSE 'kill' END, stop_reason = 'told to' WHERE id % 3 = 0`.execute(rig.db)
    await sql`INSERT INTO allocation_members (allocation_id, rank, agent_id, slot_ids, spec_digest, state, drained)
      SELECT g.task || '.1', 0, g.agent, '["cpu0"]', '', g.allocation, g.allocation = 'DRAINING' FROM ${given} WHERE g.allocation <> 'PENDING'`.execute(rig.db)

    const every = await loadLifecycle(rig.db, 'every')
    const moving = await loadLifecycle(rig.db, 'moving')
    const decided = (trials: typeof every.trials) => trials.map((facts) => decideTrial(facts, every.now)).filter((decision) => decision !== null)
    expect(decided(moving.trials)).toEqual(decided(every.trials))
    expect(decided(every.trials).length).toBeGreaterThan(100)
    expect(moving.trials.length).toBeLessThan(every.trials.length)
  }, 120_000)
})
