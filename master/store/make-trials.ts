import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { allocationId, trialTaskId } from '../../protocol/words/ids.ts'
import type { SearchAction } from '../search/words.ts'
import { toJsonb } from './clean.ts'
import type { NewEvent } from './events.ts'
import type { Tx } from './leader.ts'

export type NewTrial = Extract<SearchAction, { type: 'create' }>

/** Further trials of a search: tasks, trials and, where the experiment is active, first allocations. Returns their events. */
export async function makeTrials(tx: Tx, experimentId: number, trials: readonly NewTrial[]): Promise<NewEvent[]> {
  if (trials.length === 0) return []
  const rows = trials.map(({ trial, hparams, seed }) => ({ number: trial, request: randomUUID(), hparams, seed }))
  const made = await sql<{ id: number; number: number; active: boolean }>`
    WITH numbered AS MATERIALIZED (
      SELECT nextval(pg_get_serial_sequence('trials', 'id'))::int AS id, r.*, e.state = 'ACTIVE' AS active, e.resource_pool AS pool, e.slots_per_trial AS slots
      FROM jsonb_to_recordset(${toJsonb(rows)}::jsonb) AS r (number int, request text, hparams jsonb, seed bigint), experiments e WHERE e.id = ${experimentId}
    ), tasked AS (
      INSERT INTO tasks (id, kind, experiment_id, epoch) SELECT 'trial-' || id, 'TRIAL', ${experimentId}, CASE WHEN active THEN 1 ELSE 0 END FROM numbered
    ), made AS (
      INSERT INTO trials (id, experiment_id, number, request_id, task_id, state, hparams, seed) SELECT id, ${experimentId}, number, request, 'trial-' || id, 'ACTIVE', hparams, seed FROM numbered
    ), allocated AS (
      INSERT INTO allocations (id, task_id, epoch, state, pool, slots) SELECT 'trial-' || id || '.1', 'trial-' || id, 1, 'PENDING', pool, slots FROM numbered WHERE active
    ) SELECT id, number, active FROM numbered ORDER BY number`.execute(tx)
  return made.rows.flatMap(({ id: trialId, number, active }): NewEvent[] => {
    const reason = trials.find((one) => one.trial === number)?.reason ?? ''
    const created: NewEvent = { kind: 'trial-created', experimentId, trialId, text: `trial ${trialId} was created by the ${reason}` }
    if (!active) return [created]
    const allocation = allocationId(trialTaskId(trialId), 1)
    return [created, { kind: 'allocation-created', experimentId, trialId, allocationId: allocation, text: `allocation ${allocation} waits for the scheduler` }]
  })
}
