import { sql } from 'kysely'
import { toJsonb } from './clean.ts'
import type { Tx } from './leader.ts'
import type { StoredLine } from './schema.ts'

export interface LineSource {
  taskId: string
  allocationId: string
  rank: number
  agentId: string
  containerId: string
  /** `stdout`/`stderr` are in the lines; this names who wrote: `task` or `agent` */
  source: 'task' | 'agent'
}

/** Numbers the lines within their task and stores them as one chunk, in one statement. The task's row orders writers. */
export async function appendLines(tx: Tx, from: LineSource, lines: readonly StoredLine[]): Promise<void> {
  if (lines.length === 0) return
  const times = lines.map((line) => line[0])
  const first = new Date(Math.min(...times)).toISOString()
  const last = new Date(Math.max(...times)).toISOString()
  await sql`
    WITH numbered AS (UPDATE tasks SET log_lines = log_lines + ${lines.length} WHERE id = ${from.taskId} RETURNING log_lines - ${lines.length}::bigint + 1 AS first_line)
    INSERT INTO log_chunks (task_id, first_line, line_count, allocation_id, rank, agent_id, container_id, source, first_at, last_at, lines)
    SELECT ${from.taskId}, first_line, ${lines.length}, ${from.allocationId}, ${from.rank}, ${from.agentId}, ${from.containerId}, ${from.source}, ${first}::timestamptz, ${last}::timestamptz, ${toJsonb(lines)}::jsonb
    FROM numbered`.execute(tx)
}
