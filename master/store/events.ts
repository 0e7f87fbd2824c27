import { sql } from 'kysely'
import type { Tx } from './leader.ts'

export interface NewEvent {
  kind: string
  text: string
  experimentId?: number | null
  trialId?: number | null
  allocationId?: string | null
  agentId?: string | null
  data?: Record<string, unknown>
}

const EVENT_ORDER_LOCK = 4_711_001

/** Last statement before the commit: the lock makes ids grow in the order of commit, so a feed cursor skips nothing. */
export async function addEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await sql`SELECT pg_advisory_xact_lock(${EVENT_ORDER_LOCK})`.execute(tx)
  await tx
    .insertInto('events')
    .values(
      events.map((event) => ({
        kind: event.kind,
        text: event.text,
        experiment_id: event.experimentId ?? null,
        trial_id: event.trialId ?? null,
        allocation_id: event.allocationId ?? null,
        agent_id: event.agentId ?? null,
        data: JSON.stringify(event.data ?? {}),
      })),
    )
    .execute()
}
