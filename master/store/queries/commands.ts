import { sql, type RawBuilder } from 'kysely'
import type { ExitKind } from '../../../protocol/words/failures.ts'
import type { AllocationState } from '../../../protocol/words/states.ts'
import type { ExperimentConfig } from '../../../protocol/words/experiment-config.ts'
import type { Db } from '../db.ts'

export interface CommandRow {
  task_id: string
  job_id: string
  description: string
  owner_id: number
  username: string
  display_name: string | null
  workspace_id: number
  pool: string
  config: ExperimentConfig
  started_at: Date
  ended_at: Date | null
  end_reason: string
  /** of its newest allocation */
  state: AllocationState
  exit_kind: ExitKind | null
}

export const COMMAND_SORTS = ['ID', 'DESCRIPTION', 'START_TIME', 'WORKSPACE_ID'] as const
export type CommandSort = (typeof COMMAND_SORTS)[number]

export interface CommandFilter {
  taskId?: string | undefined
  users?: readonly string[] | undefined
  userIds?: readonly number[] | undefined
  workspaceId?: number | undefined
  sort: CommandSort
  descending: boolean
  limit: number
  offset: number
}

export async function listCommands(db: Db, filter: CommandFilter): Promise<{ commands: CommandRow[]; total: number }> {
  const direction = filter.descending ? sql`DESC` : sql`ASC`
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.taskId !== undefined) all.push(sql`c.task_id = ${filter.taskId}`)
  if (filter.workspaceId) all.push(sql`c.workspace_id = ${filter.workspaceId}`)
  const owners = [filter.users?.length ? sql`u.username = ANY(${[...filter.users]}::text[])` : null, filter.userIds?.length ? sql`c.owner_id = ANY(${[...filter.userIds]}::int[])` : null].filter((one) => one !== null)
  if (owners.length > 0) all.push(sql`(${sql.join(owners, sql` OR `)})`)
  const { rows } = await sql<CommandRow & { task_id: string | null; total: number }>`
    WITH matching AS MATERIALIZED (
      SELECT c.task_id, c.job_id, c.description, c.owner_id, u.username, u.display_name, c.workspace_id, c.resource_pool AS pool, c.config, k.started_at, k.ended_at, c.end_reason
      FROM commands c JOIN tasks k ON k.id = c.task_id JOIN users u ON u.id = c.owner_id WHERE ${sql.join(all, sql` AND `)})
    SELECT m.total, x.* FROM (SELECT count(*)::int AS total FROM matching) m
    LEFT JOIN (SELECT c.*, a.state, a.exit_kind, row_number() OVER (ORDER BY ${sortKey(filter.sort)} ${direction}, c.task_id) AS place FROM matching c
      CROSS JOIN LATERAL (SELECT state, exit_kind FROM allocations WHERE task_id = c.task_id ORDER BY epoch DESC LIMIT 1) a ORDER BY place LIMIT ${filter.limit} OFFSET ${filter.offset}) x ON true ORDER BY x.place`.execute(db)
  return { commands: rows.filter((row) => row.task_id !== null), total: rows[0]?.total ?? 0 }
}

export async function findCommand(db: Db, taskId: string): Promise<CommandRow | null> {
  return (await listCommands(db, { taskId, sort: 'ID', descending: false, limit: 1, offset: 0 })).commands[0] ?? null
}

export async function countLiveCommands(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`SELECT count(*)::int AS count FROM tasks WHERE kind = 'COMMAND' AND ended_at IS NULL`.execute(db)
  return rows[0]?.count ?? 0
}

function sortKey(sort: CommandSort): RawBuilder<unknown> {
  if (sort === 'DESCRIPTION') return sql`c.description`
  if (sort === 'START_TIME') return sql`c.started_at`
  return sort === 'WORKSPACE_ID' ? sql`c.workspace_id` : sql`c.task_id`
}
