import { sql } from 'kysely'
import { EXIT_KINDS } from '../../protocol/words/failures.ts'
import { WANTS } from '../../protocol/words/states.ts'
import { isFreeRun } from '../reconcile/next-step.ts'
import type { LiveFacts, TrialFacts } from '../reconcile/world.ts'
import type { Db } from '../store/db.ts'
import type { Tx } from '../store/leader.ts'

/** `<want>/<exit kind>` of attempts that ended free of charge and unasked */
const FREE = WANTS.flatMap((want) => EXIT_KINDS.filter((kind) => isFreeRun(want, kind)).map((kind) => `${want}/${kind}`))

/** Of the joined members `m` and agents `g`: one that a person disabled without a drain, or a slot of it that is held. */
export const DISABLED = sql`coalesce(min(g.id) FILTER (WHERE NOT g.enabled AND NOT g.draining),
  min(g.id || ' (slot ' || (SELECT min(s) FROM jsonb_array_elements_text(m.slot_ids) s WHERE g.disabled_slots ? s AND NOT g.draining_slots ? s) || ')'))`

type Row = Omit<TrialFacts, 'live' | 'stop'> & { stop: 'search' | 'kill' | null; stopReason: string } & { [K in keyof LiveFacts as `live_${K}`]: LiveFacts[K] | null } & { now: number }

/**
 * Trials that are at rest for certain, which most are at any moment: waiting or at work, with nobody asking for anything else. The facts of the
 * others cost more to gather. Whatever `decideTrial` could act on must not be named here; `lifecycle-rest.pg.test.ts` holds the two together.
 */
const atRest = sql`e.state = 'ACTIVE' AND tr.stop IS NULL AND a.id IS NOT NULL AND (a.state = 'PENDING' OR (
  a.state <> 'DRAINING' AND a.want = 'run' AND a.exit_kind IS NULL AND NOT EXISTS (
    SELECT 1 FROM agents g JOIN allocation_members m ON m.agent_id = g.id WHERE (NOT g.enabled OR g.notice IS NOT NULL OR g.disabled_slots <> '[]') AND m.allocation_id = a.id
  )))`

/** Facts of one trial, of all that may have a next step, or of every one that has not ended; and the database's time, milliseconds. */
export async function loadLifecycle(db: Db | Tx, which: number | 'moving' | 'every'): Promise<{ now: number; trials: TrialFacts[] }> {
  const chosen = which === 'every' ? sql`true` : which === 'moving' ? sql`NOT coalesce(${atRest}, false)` : sql`tr.id = ${which}::int`
  const { rows } = await sql<Row>`
    SELECT tr.id AS "trialId", tr.task_id AS "taskId", e.id AS "experimentId", e.state AS "experimentState", e.state_reason AS "experimentReason",
      tr.state AS "trialState", tr.restarts, e.max_restarts AS "maxRestarts", (e.config->>'preemption_timeout')::float8 * 1000 AS "preemptMs",
      tr.stop, tr.stop_reason AS "stopReason", tr.early_exit AS "earlyExit",
      a.id AS live_id, a.state AS live_state, a.want AS live_want, ${millis('a.want_at')} AS "live_wantAt", ${millis('a.ended_at')} AS "live_endedAt",
      a.exit_kind AS "live_exitKind", a.exit_text AS "live_exitText", coalesce(members.drained, false) AS live_drained, members.disabled AS "live_disabledAgent",
      members.noticed AS "live_noticedAgent", coalesce(members.lost, false) AS live_lost, a.adopted AS live_adopted,
      (SELECT count(*)::int FROM checkpoints c WHERE c.allocation_id = a.id AND c.state = 'ACTIVE' AND (c.uploaded_at IS NOT NULL OR NOT members.lost)) AS "live_openCheckpoints",
      (SELECT count(*)::int FROM checkpoints c WHERE c.allocation_id = a.id AND c.state = 'ACTIVE' AND c.uploaded_at IS NULL AND members.lost) AS "live_lostCheckpoints",
      (SELECT count(*)::int FROM allocations f WHERE f.task_id = tr.task_id AND f.state = 'SEALED' AND f.want || '/' || f.exit_kind = ANY(${FREE}::text[])
        AND f.epoch > coalesce((SELECT max(c.epoch) FROM checkpoints c WHERE c.task_id = tr.task_id AND c.state = 'COMPLETED'), 0)) AS "freeRuns",
      floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
    FROM trials tr JOIN experiments e ON e.id = tr.experiment_id
    LEFT JOIN allocations a ON a.task_id = tr.task_id AND a.state <> 'SEALED'
    LEFT JOIN LATERAL (
      SELECT bool_and(m.drained) AS drained, bool_or(m.lost) AS lost, ${DISABLED} AS disabled,
        min(g.id) FILTER (WHERE g.notice = 'spot' AND m.state NOT IN ('DRAINING', 'SEALED')) AS noticed
      FROM allocation_members m LEFT JOIN agents g ON g.id = m.agent_id WHERE m.allocation_id = a.id
    ) members ON true
    WHERE tr.state = 'ACTIVE' AND ${chosen}
    ORDER BY tr.id`.execute(db)
  return { now: rows[0]?.now ?? 0, trials: rows.map(toFacts) }
}

function millis(column: string) {
  return sql.raw(`floor(extract(epoch FROM ${column}) * 1000)::float8`)
}

function toFacts(row: Row): TrialFacts {
  const { live_id: id, live_state: state, live_want: want } = row
  const live = id === null || state === null || want === null ? null : {
    id, state, want, wantAt: row.live_wantAt, disabledAgent: row.live_disabledAgent, noticedAgent: row.live_noticedAgent, drained: row.live_drained ?? false,
    lost: row.live_lost ?? false, adopted: row.live_adopted ?? false, openCheckpoints: row.live_openCheckpoints ?? 0, lostCheckpoints: row.live_lostCheckpoints ?? 0, exitKind: row.live_exitKind, exitText: row.live_exitText ?? '', endedAt: row.live_endedAt,
  }
  return {
    trialId: row.trialId, taskId: row.taskId, experimentId: row.experimentId, experimentState: row.experimentState, experimentReason: row.experimentReason,
    trialState: row.trialState, restarts: row.restarts, maxRestarts: row.maxRestarts, preemptMs: row.preemptMs, freeRuns: row.freeRuns,
    stop: row.stop === null ? null : { by: row.stop, reason: row.stopReason }, earlyExit: row.earlyExit, live,
  }
}
