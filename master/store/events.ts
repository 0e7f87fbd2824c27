import { sql } from 'kysely'
import { cleanText, toJsonb } from './clean.ts'
import type { Tx } from './leader.ts'

export interface NewEvent {
  kind: string
  experimentId?: number | null
  trialId?: number | null
  allocationId?: string | null
  agentId?: string | null
  instanceId?: string | null
  pool?: string | null
  /** allocations that it is about: where all are of one experiment, it is that experiment's event too */
  allocations?: readonly string[]
  /** what happened and why, one sentence for a person */
  text: string
  data?: Record<string, unknown>
}

export const EVENTS_LOCK = 0x64726576

/** One row for each event, ready for `jsonb_to_recordset`. */
export function eventRows(events: readonly NewEvent[], experiments: readonly (number | null)[] = []): Record<string, unknown>[] {
  return events.map((event, index) => ({
    kind: event.kind,
    experiment_id: event.experimentId ?? experiments[index] ?? null,
    trial_id: event.trialId ?? null,
    allocation_id: event.allocationId ?? null,
    agent_id: event.agentId ?? null,
    instance_id: event.instanceId ?? null,
    pool: event.pool ?? null,
    text: cleanText(event.text).slice(0, 4096),
    data: event.data ?? {},
  }))
}

/**
 * Writes events; the last statement of its transaction. The advisory lock is held until the commit, so that ids grow
 * in order of commit and a follower with a cursor misses none: each row draws its id only after the lock was given.
 * Taken last, it can never be part of a deadlock.
 */
export async function addEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  const experiments = await Promise.all(events.map((event) => event.experimentId ?? soleExperiment(tx, event.allocations ?? [])))
  const rows = eventRows(events, experiments)
  await sql`WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(${EVENTS_LOCK}) IS NULL AS never)
    INSERT INTO events (kind, experiment_id, trial_id, allocation_id, agent_id, instance_id, pool, text, data)
    SELECT r.kind, r.experiment_id, r.trial_id, r.allocation_id, r.agent_id, r.instance_id, r.pool, r.text, r.data
    FROM locked CROSS JOIN LATERAL jsonb_to_recordset(CASE WHEN locked.never THEN '[]' ELSE ${toJsonb(rows)}::jsonb END) AS r
      (kind text, experiment_id int, trial_id int, allocation_id text, agent_id text, instance_id text, pool text, text text, data jsonb)`.execute(tx)
}

/** Null where they are of several, or of none. Asked before the lock is taken. */
async function soleExperiment(tx: Tx, allocations: readonly string[]): Promise<number | null> {
  if (allocations.length === 0) return null
  const { rows } = await sql<{ experiment_id: number | null }>`SELECT DISTINCT k.experiment_id FROM allocations a JOIN tasks k ON k.id = a.task_id WHERE a.id = ANY(${[...allocations]}::text[])`.execute(tx)
  return rows.length === 1 ? (rows[0]?.experiment_id ?? null) : null
}
