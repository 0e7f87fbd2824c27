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
  /** what happened and why, one sentence for a person */
  text: string
  data?: Record<string, unknown>
}

const EVENTS_LOCK = 0x64726576

/**
 * Writes events; the last statement of its transaction. The advisory lock is held until the commit, so that ids grow
 * in order of commit and a follower with a cursor misses none. Taken last, it can never be part of a deadlock.
 */
export async function addEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await sql`SELECT pg_advisory_xact_lock(${EVENTS_LOCK})`.execute(tx)
  await tx.insertInto('events').values(events.map((event) => ({
    kind: event.kind,
    experiment_id: event.experimentId ?? null,
    trial_id: event.trialId ?? null,
    allocation_id: event.allocationId ?? null,
    agent_id: event.agentId ?? null,
    instance_id: event.instanceId ?? null,
    pool: event.pool ?? null,
    text: cleanText(event.text).slice(0, 4096),
    data: toJsonb(event.data ?? {}),
  }))).execute()
}
