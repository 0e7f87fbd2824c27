import { sql } from 'kysely'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import type { ComingNode, PendingAllocation, ScheduleAgent, ScheduleSlot } from '../schedule/world.ts'
import type { Db } from '../store/db.ts'
import type { Tx } from '../store/leader.ts'

/** An agent silent for so long gets no new work. */
export const SUSPECT_SECONDS = 30

/**
 * Allocations that wait: allocation, pool, slots, priority, order. What is beyond `max_slots` waits for its own experiment, not for the pool; a
 * command's turn comes after the experiments that were there before it.
 */
export const pendingRows = sql`SELECT a.id AS allocation, a.pool, a.slots, e.priority, e.id::float8 AS "order"
  FROM allocations a JOIN tasks t ON t.id = a.task_id JOIN experiments e ON e.id = t.experiment_id
  WHERE a.state = 'PENDING' AND e.state = 'ACTIVE' AND (e.max_slots IS NULL OR e.max_slots >= (
    SELECT sum(b.slots) FROM allocations b JOIN tasks k ON k.id = b.task_id
    WHERE k.experiment_id = e.id AND b.state NOT IN ('DRAINING', 'SEALED') AND (b.state <> 'PENDING' OR b.id <= a.id)))
  UNION ALL
  SELECT a.id, a.pool, a.slots, c.priority, c.after_experiment + 0.5
  FROM allocations a JOIN commands c ON c.task_id = a.task_id WHERE a.state = 'PENDING' AND c.killed_by = ''`

/** What waits, in order. Whatever changes meanwhile is found out by the re-check at commit. */
export async function loadPending(db: Db | Tx): Promise<PendingAllocation[]> {
  const { rows } = await sql<PendingAllocation>`SELECT * FROM (${pendingRows}) w ORDER BY w.priority, w."order", w.allocation`.execute(db)
  return rows
}

/** Nodes that EC2 was asked for and that have not registered: a gang keeps the others of its nodes until they come. */
export async function loadComing(db: Db | Tx): Promise<ComingNode[]> {
  const { rows } = await sql<ComingNode>`
    SELECT pool, slots FROM instances WHERE state = 'STARTING' AND notice IS NULL
    UNION ALL
    SELECT l.pool, l.slots FROM launches l, generate_series(1, l.count - (SELECT count(*)::int FROM instances i WHERE i.launch_id = l.id))
    WHERE l.state = 'LAUNCHING'`.execute(db)
  return rows
}

type SlotKind = Slot['kind']

/** An agent with what a placement on it is checked by and made of. */
export interface LoadedAgent extends ScheduleAgent {
  inventory: string
  slots: readonly (ScheduleSlot & { kind: SlotKind })[]
}

interface AgentRow {
  inventory: string
  id: string
  pool: string
  enabled: boolean
  draining: boolean
  suspect: boolean
  leaving: boolean
  zone: string | null
  slots: Slot[] | null
  disabled: string[]
  busy: string[]
  aux: number
}

/** Every agent that is not retired, with what is taken of it. */
export async function loadAgents(db: Db | Tx): Promise<LoadedAgent[]> {
  const { rows } = await sql<AgentRow>`
    SELECT g.id, g.pool, g.inventory_hash AS inventory, g.enabled, g.draining, g.retiring IS NOT NULL OR g.notice IS NOT NULL OR g.lost_at IS NOT NULL AS leaving, g.inventory->>'zone' AS zone, g.inventory->'slots' AS slots, g.disabled_slots AS disabled,
      coalesce(g.seen_at < clock_timestamp() - make_interval(secs => ${SUSPECT_SECONDS}), true) AS suspect,
      coalesce(held.busy, '{}') AS busy, coalesce(held.aux, 0)::int AS aux
    FROM agents g LEFT JOIN LATERAL (
      SELECT array_agg(slot) FILTER (WHERE slot IS NOT NULL) AS busy, count(*) FILTER (WHERE slot IS NULL) AS aux
      FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
      LEFT JOIN LATERAL jsonb_array_elements_text(m.slot_ids) AS slot ON true
      WHERE m.agent_id = g.id AND m.state NOT IN ('DRAINING', 'SEALED') AND a.state NOT IN ('PENDING', 'DRAINING', 'SEALED')
    ) held ON true
    WHERE g.retired_at IS NULL ORDER BY g.id`.execute(db)
  return rows.map((row) => ({
    id: row.id, pool: row.pool, inventory: row.inventory, enabled: row.enabled, draining: row.draining, suspect: row.suspect, leaving: row.leaving, zone: row.zone, aux: row.aux,
    slots: (row.slots ?? []).filter((slot) => !row.disabled.includes(slot.id)).map((slot) => ({ id: slot.id, kind: slot.kind, busy: row.busy.includes(slot.id) })),
  }))
}
