import { sql, type RawBuilder } from 'kysely'
import type { Db } from '../db.ts'
import type { StoredLine } from '../schema.ts'

export interface LogChunkRow {
  first_line: number
  line_count: number
  allocation_id: string
  rank: number
  agent_id: string
  container_id: string
  source: string
  lines: StoredLine[]
}

/** What can be told of a whole chunk; what differs from line to line is looked at afterwards. */
export interface ChunkFilter {
  taskId: string
  /** chunks with lines beyond this one (ascending) or below it (descending) */
  cursor: number
  descending: boolean
  allocationIds?: readonly string[] | undefined
  agentIds?: readonly string[] | undefined
  containerIds?: readonly string[] | undefined
  rankIds?: readonly number[] | undefined
  sources?: readonly string[] | undefined
  before?: Date | undefined
  after?: Date | undefined
}

/** A chunk holds at most 512 KiB of text, so a page stays below 4 MiB. */
export const CHUNKS_PER_PAGE = 8

export async function readChunks(db: Db, filter: ChunkFilter): Promise<LogChunkRow[]> {
  const all: RawBuilder<unknown>[] = [sql`task_id = ${filter.taskId}`]
  all.push(filter.descending ? sql`first_line < ${filter.cursor}` : sql`first_line + line_count - 1 > ${filter.cursor} AND first_line >= ${await startOf(db, filter)}`)
  if (filter.allocationIds?.length) all.push(sql`allocation_id = ANY(${[...filter.allocationIds]}::text[])`)
  if (filter.agentIds?.length) all.push(sql`agent_id = ANY(${[...filter.agentIds]}::text[])`)
  if (filter.containerIds?.length) all.push(sql`container_id = ANY(${[...filter.containerIds]}::text[])`)
  if (filter.rankIds?.length) all.push(sql`rank = ANY(${[...filter.rankIds]}::int[])`)
  if (filter.sources?.length) all.push(sql`source = ANY(${[...filter.sources]}::text[])`)
  if (filter.before) all.push(sql`first_at <= ${filter.before}`)
  if (filter.after) all.push(sql`last_at >= ${filter.after}`)
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const { rows } = await sql<LogChunkRow>`SELECT first_line, line_count, allocation_id, rank, agent_id, container_id, source, lines FROM log_chunks
    WHERE ${sql.join(all, sql` AND `)} ORDER BY first_line ${direction} LIMIT ${CHUNKS_PER_PAGE}`.execute(db)
  return rows
}

/** First line of the chunk that holds the cursor, so that the primary key finds the rest. */
async function startOf(db: Db, filter: ChunkFilter): Promise<number> {
  const row = await db.selectFrom('log_chunks').select('first_line').where('task_id', '=', filter.taskId).where('first_line', '<=', filter.cursor).orderBy('first_line', 'desc').limit(1).executeTakeFirst()
  return row?.first_line ?? 0
}

export interface LogSource {
  taskId: string
  /** null for a task that is no trial */
  trialId: number | null
  experimentId: number | null
  /** number of the newest line */
  lines: number
  /** no line can follow */
  ended: boolean
}

/** Whether more lines may come is read together with their number: what is written later has a higher one. */
export async function findLogSource(db: Db, by: { taskId: string } | { trialId: number }): Promise<LogSource | null> {
  const which = 'taskId' in by ? sql`k.id = ${by.taskId}` : sql`t.id = ${by.trialId}`
  const { rows } = await sql<LogSource>`SELECT k.id AS "taskId", t.id AS "trialId", k.experiment_id AS "experimentId", k.log_lines AS lines,
      (k.ended_at IS NOT NULL OR coalesce(t.state IN ('COMPLETED', 'CANCELED', 'ERROR'), false))
      AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.task_id = k.id AND a.state <> 'SEALED') AS ended
    FROM tasks k LEFT JOIN trials t ON t.task_id = k.id WHERE ${which}`.execute(db)
  return rows[0] ?? null
}
