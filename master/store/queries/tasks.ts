import { sql } from 'kysely'
import type { ExitKind } from '../../../protocol/words/failures.ts'
import type { AllocationState } from '../../../protocol/words/states.ts'
import type { Db } from '../db.ts'
import type { TasksTable } from '../schema.ts'

/** Rows inside `allocations` and `members` come as JSON: times are text. */
export interface TaskRow {
  id: string
  kind: TasksTable['kind']
  experiment_id: number | null
  started_at: Date
  ended_at: Date | null
  config: unknown
  allocations: TaskAllocation[]
}

export interface TaskAllocation {
  id: string
  state: AllocationState
  slots: number
  exit_kind: ExitKind | null
  exit_code: number | null
  exit_text: string
  created_at: string
  ended_at: string | null
}

export async function findTask(db: Db, id: string): Promise<TaskRow | null> {
  const { rows } = await sql<TaskRow>`
    SELECT k.id, k.kind, k.experiment_id, k.started_at, k.ended_at, coalesce(e.config, c.config) AS config, coalesce(a.rows, '[]') AS allocations
    FROM tasks k LEFT JOIN experiments e ON e.id = k.experiment_id LEFT JOIN commands c ON c.task_id = k.id
    LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('id', id, 'state', state, 'slots', slots, 'exit_kind', exit_kind, 'exit_code', exit_code, 'exit_text', exit_text, 'created_at', created_at, 'ended_at', ended_at) ORDER BY epoch DESC) AS rows
      FROM allocations WHERE task_id = k.id) a ON true WHERE k.id = ${id}`.execute(db)
  return rows[0] ?? null
}

export interface LiveAllocationRow {
  id: string
  task_id: string
  kind: TasksTable['kind']
  state: AllocationState
  pool: string
  slots: number
  created_at: Date
  experiment_id: number | null
  experiment_name: string | null
  command_name: string | null
  trial_id: number | null
  priority: number | null
  members: { rank: number; agent_id: string; container_id: string | null; slot_ids: string[] }[]
}

/** Every allocation that is not sealed: what runs and what waits. */
export async function listLiveAllocations(db: Db): Promise<LiveAllocationRow[]> {
  const { rows } = await sql<LiveAllocationRow>`
    SELECT a.id, a.task_id, k.kind, a.state, a.pool, a.slots, a.created_at, k.experiment_id, e.name AS experiment_name, c.description AS command_name, t.id AS trial_id, coalesce(e.priority, c.priority) AS priority, coalesce(m.rows, '[]') AS members
    FROM allocations a JOIN tasks k ON k.id = a.task_id LEFT JOIN trials t ON t.task_id = k.id LEFT JOIN experiments e ON e.id = k.experiment_id LEFT JOIN commands c ON c.task_id = k.id
    LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('rank', rank, 'agent_id', agent_id, 'container_id', container_id, 'slot_ids', slot_ids) ORDER BY rank) AS rows FROM allocation_members WHERE allocation_id = a.id) m ON true
    WHERE a.state <> 'SEALED' ORDER BY a.created_at, a.id`.execute(db)
  return rows
}

export interface PoolUse {
  pool: string
  /** allocations with slots, waiting and placed, and those without */
  queued: number
  scheduled: number
  aux: number
}

export async function countByPool(db: Db): Promise<PoolUse[]> {
  const { rows } = await sql<PoolUse>`SELECT pool, count(*) FILTER (WHERE state = 'PENDING')::int AS queued, count(*) FILTER (WHERE state NOT IN ('PENDING', 'DRAINING'))::int AS scheduled,
    count(*) FILTER (WHERE slots = 0 AND state NOT IN ('PENDING', 'DRAINING'))::int AS aux FROM allocations WHERE state <> 'SEALED' GROUP BY pool`.execute(db)
  return rows
}
