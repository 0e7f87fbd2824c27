import { sql } from 'kysely'
import type { CheckpointState } from '../../../protocol/words/states.ts'
import { letGo, type Candidate, type Kept } from '../../reconcile/retention.ts'
import type { Db } from '../db.ts'

export interface Going extends Candidate {
  steps: number
  state: CheckpointState
  resources: Record<string, number>
  bytes: number
  reportTime: Date
  /** reported at the same steps */
  validation: Record<string, unknown> | null
}

export interface OfExperiment {
  id: number
  metric: string
  smallerIsBetter: boolean
}

/**
 * Committed checkpoints that the policy lets go. Those in storage of the user's own are not ours to count. A registered version, the source of any
 * experiment, and what a trial that has not ended would go on from are needed.
 */
export async function findGoing(db: Db, { id, metric, smallerIsBetter }: OfExperiment, kept: Kept): Promise<Going[]> {
  const { rows } = await sql<Going>`
    SELECT c.uuid, c.trial_id AS "trialId", c.steps, c.state, c.resources, c.bytes, coalesce(c.report_time, c.declared_at) AS "reportTime", v.values AS validation,
      (row_number() OVER (PARTITION BY c.trial_id ORDER BY c.steps, c.epoch, c.ordinal))::int AS "order",
      CASE WHEN jsonb_typeof(v.values -> ${metric}) = 'number' THEN (v.values ->> ${metric})::double precision END AS value,
      t.state NOT IN ('COMPLETED', 'CANCELED', 'ERROR') AND row_number() OVER (PARTITION BY c.trial_id ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC) = 1
        OR EXISTS (SELECT FROM model_versions m WHERE m.checkpoint_uuid = c.uuid) OR EXISTS (SELECT FROM experiments x WHERE x.source_checkpoint = c.uuid) AS needed
    FROM checkpoints c JOIN trials t ON t.id = c.trial_id
    LEFT JOIN LATERAL (SELECT values FROM metrics WHERE trial_id = c.trial_id AND "group" = 'validation' AND steps = c.steps ORDER BY replaced, id DESC LIMIT 1) v ON true
    WHERE t.experiment_id = ${id} AND c.state = 'COMPLETED' AND c.kind = 'cluster' ORDER BY c.trial_id, "order"`.execute(db)
  return letGo(rows, kept, smallerIsBetter)
}
