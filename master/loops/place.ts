import { sql } from 'kysely'
import { eventRows, EVENTS_LOCK, type NewEvent } from '../store/events.ts'
import type { Db } from '../store/db.ts'
import { NotLeaderError, type Tx } from '../store/leader.ts'
import { SUSPECT_SECONDS } from './schedule-load.ts'

/** One member of a placement as it is written. */
export interface MemberRow {
  allocation: string
  /** as it was when the spec was made */
  epoch: number
  /** checkpoint that the spec restores; null = none */
  restore: string | null
  owner: number
  pool: string
  rank: number
  agent: string
  /** of the inventory that the slots were chosen from: another one is chosen from anew */
  inventory: string
  slots: readonly string[]
  /** SHA-256 of the spec, hex */
  digest: string
  spec: string
  /** SHA-256 of the container's token, hex */
  token: string
}

export interface Placement {
  allocation: string
  members: readonly MemberRow[]
  event: NewEvent
}

/**
 * Writes placements in one statement, and so in one transaction and one wait for the disk. Fenced by the leader's epoch (I3) and by the rows
 * that the decisions saw, under their locks: allocation PENDING in the same epoch with the same checkpoint to restore, agents open and with the
 * same inventory, slots enabled and free (I1). A placement that the world has overtaken is left out whole, the others stand.
 *
 * One statement has one snapshot, older than the locks that it waits for. What is locked is looked at anew by Postgres; that slots are free
 * is read from the snapshot. Only the leader fills slots, one pass after the other, and a leader that was followed finds its epoch over
 * under the lock of the leader's row; whoever else frees or closes changes a row that is locked here.
 *
 * Returns the allocations that were placed. Throws NotLeaderError.
 */
export async function place(db: Db | Tx, leaderEpoch: number, placements: readonly Placement[]): Promise<Set<string>> {
  const members = JSON.stringify(placements.flatMap((one) => one.members))
  const events = JSON.stringify(eventRows(placements.map((one) => one.event)))
  const { rows } = await sql<{ leads: boolean; placed: string[] | null }>`
    WITH leader AS MATERIALIZED (SELECT 1 AS one FROM leader WHERE id = 1 AND epoch = ${leaderEpoch} FOR SHARE),
    asked AS MATERIALIZED (
      SELECT r.* FROM leader CROSS JOIN jsonb_to_recordset(${members}::jsonb) AS r
        (allocation text, epoch int, restore uuid, owner int, pool text, rank int, agent text, inventory text, slots jsonb, digest text, spec text, token text)
    ),
    open_agent AS MATERIALIZED (
      SELECT g.id, g.pool, g.inventory_hash, g.disabled_slots FROM agents g
      WHERE g.id IN (SELECT agent FROM asked) AND g.enabled AND NOT g.draining AND g.retired_at IS NULL AND g.retiring IS NULL AND g.notice IS NULL AND g.lost_at IS NULL
        AND coalesce(g.seen_at >= clock_timestamp() - make_interval(secs => ${SUSPECT_SECONDS}), false)
      ORDER BY g.id FOR UPDATE
    ),
    waiting AS MATERIALIZED (
      SELECT a.id, a.epoch, a.pool, a.task_id FROM allocations a WHERE a.id IN (SELECT allocation FROM asked) AND a.state = 'PENDING' ORDER BY a.id FOR UPDATE
    ),
    fitting AS MATERIALIZED (
      SELECT q.allocation, count(*) AS members FROM asked q
      JOIN waiting w ON w.id = q.allocation AND w.epoch = q.epoch
      JOIN open_agent g ON g.id = q.agent AND g.pool = w.pool AND g.inventory_hash = q.inventory
      WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(q.slots) AS s (slot) WHERE g.disabled_slots ? s.slot)
        AND NOT EXISTS (
          SELECT 1 FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
          WHERE m.agent_id = q.agent AND m.state NOT IN ('DRAINING', 'SEALED') AND a.state NOT IN ('PENDING', 'DRAINING', 'SEALED')
            AND m.slot_ids ?| (SELECT array_agg(slot) FROM jsonb_array_elements_text(q.slots) AS s (slot))
        )
        AND NOT EXISTS (
          SELECT 1 FROM tasks t JOIN experiments e ON e.id = t.experiment_id LEFT JOIN trials tr ON tr.task_id = t.id WHERE t.id = w.task_id AND (e.state <> 'ACTIVE' OR tr.state <> 'ACTIVE')
        )
        AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.task_id = w.task_id AND c.killed_by <> '')
        -- as loadAssignments chose: the trial's own newest (I5), else what its experiment starts from
        AND ((q.epoch = 1 AND q.restore IS NULL) OR q.restore IS NOT DISTINCT FROM coalesce((
          SELECT c.uuid FROM trials tr JOIN checkpoints c ON c.trial_id = tr.id WHERE q.epoch > 1 AND tr.task_id = w.task_id AND c.state = 'COMPLETED' AND c.manifest_digest IS NOT NULL
          ORDER BY c.steps DESC, c.epoch DESC, c.ordinal DESC LIMIT 1
        ), (
          SELECT c.uuid FROM tasks t JOIN experiments e ON e.id = t.experiment_id JOIN checkpoints c ON c.uuid = e.source_checkpoint WHERE t.id = w.task_id AND c.state = 'COMPLETED' AND c.manifest_digest IS NOT NULL
        )))
      GROUP BY q.allocation
    ),
    placed AS MATERIALIZED (
      SELECT q.* FROM asked q JOIN fitting f ON f.allocation = q.allocation WHERE f.members = (SELECT count(*) FROM asked x WHERE x.allocation = q.allocation)
    ),
    spec AS (INSERT INTO blobs (digest, bytes) SELECT DISTINCT ON (digest) digest, convert_to(spec, 'UTF8') FROM placed ORDER BY digest ON CONFLICT (digest) DO NOTHING RETURNING 1),
    token AS (INSERT INTO tokens (hash, kind, user_id, allocation_id, agent_id) SELECT decode(token, 'hex'), 'allocation', owner, allocation, agent FROM placed RETURNING 1),
    member AS (INSERT INTO allocation_members (allocation_id, rank, agent_id, slot_ids, spec_digest, state) SELECT allocation, rank, agent, slots, digest, 'ASSIGNED' FROM placed RETURNING 1),
    moved AS (UPDATE allocations a SET state = 'ASSIGNED', assigned_at = now(), wait_reason = '' WHERE a.id IN (SELECT allocation FROM placed) RETURNING 1),
    raised AS (UPDATE agents g SET generation = g.generation + 1 WHERE g.id IN (SELECT agent FROM placed) RETURNING 1),
    -- the events' lock is the last that is taken: all else is written by then
    written AS MATERIALIZED (SELECT (SELECT count(*) FROM spec) + (SELECT count(*) FROM token) + (SELECT count(*) FROM member) + (SELECT count(*) FROM moved) + (SELECT count(*) FROM raised) AS rows),
    locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(${EVENTS_LOCK}) IS NULL AS never FROM written WHERE rows > 0),
    told AS (
      INSERT INTO events (kind, experiment_id, trial_id, allocation_id, agent_id, instance_id, pool, text, data)
      SELECT r.kind, r.experiment_id, r.trial_id, r.allocation_id, r.agent_id, r.instance_id, r.pool, r.text, r.data
      FROM locked CROSS JOIN LATERAL jsonb_to_recordset(CASE WHEN locked.never THEN '[]' ELSE ${events}::jsonb END) AS r
        (kind text, experiment_id int, trial_id int, allocation_id text, agent_id text, instance_id text, pool text, text text, data jsonb)
      WHERE r.allocation_id IN (SELECT allocation FROM placed)
      RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM leader) AS leads, (SELECT array_agg(DISTINCT allocation) FROM placed) AS placed`.execute(db)
  if (rows[0]?.leads !== true) throw new NotLeaderError(`leader epoch ${leaderEpoch} is over`)
  return new Set(rows[0].placed ?? [])
}
