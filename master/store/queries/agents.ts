import { sql } from 'kysely'
import type { Inventory } from '../../../protocol/wire/heartbeat.ts'
import type { Market, NoticeKind } from '../../../protocol/words/instances.ts'
import type { AllocationState } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'

export interface AgentRow {
  id: string
  pool: string
  hostname: string
  version: string
  inventory: Inventory | null
  enabled: boolean
  draining: boolean
  disabled_slots: string[]
  draining_slots: string[]
  outbox: number
  enrolled_at: Date
  seen_at: Date | null
  /** by the database's clock */
  silent_seconds: number | null
  /** why its instance goes; null = it stays */
  retiring: string | null
  notice: NoticeKind | null
  lost_at: Date | null
  /** of its instance; null = it runs on none of ours */
  private_ip: string | null
  zone: string | null
  market: Market | null
  members: AgentMember[]
}

/** A member of an allocation that holds slots of this agent. */
export interface AgentMember {
  allocation_id: string
  task_id: string
  rank: number
  state: AllocationState
  slot_ids: string[]
  container_id: string | null
  experiment_id: number | null
  trial_id: number | null
}

/** Agents that are not retired, by id; one statement. */
export async function listAgents(db: Db, filter: { id?: string | undefined } = {}): Promise<AgentRow[]> {
  const { rows } = await sql<AgentRow>`
    SELECT g.id, g.pool, g.hostname, g.version, g.inventory, g.enabled, g.draining, g.disabled_slots, g.draining_slots, g.outbox, g.enrolled_at, g.seen_at,
      extract(epoch FROM now() - g.seen_at)::float8 AS silent_seconds,
      g.retiring, g.notice, g.lost_at, i.private_ip, coalesce(i.zone, g.inventory->>'zone') AS zone, i.market, coalesce(m.rows, '[]') AS members
    FROM agents g LEFT JOIN instances i ON i.id = g.id LEFT JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('allocation_id', m.allocation_id, 'task_id', a.task_id, 'rank', m.rank, 'state', m.state, 'slot_ids', m.slot_ids, 'container_id', m.container_id,
        'experiment_id', k.experiment_id, 'trial_id', t.id) ORDER BY m.allocation_id, m.rank) AS rows
      FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id JOIN tasks k ON k.id = a.task_id LEFT JOIN trials t ON t.task_id = k.id
      WHERE m.agent_id = g.id AND m.state NOT IN ('PENDING', 'DRAINING', 'SEALED') AND a.state NOT IN ('DRAINING', 'SEALED')) m ON true
    WHERE g.retired_at IS NULL AND (${filter.id ?? null}::text IS NULL OR g.id = ${filter.id ?? null}) ORDER BY g.id`.execute(db)
  return rows
}
