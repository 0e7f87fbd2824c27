import { sql } from 'kysely'
import type { LogBatch, LogReply } from '../../protocol/wire/logs.ts'
import { appendLines } from '../store/log-chunks.ts'
import type { Db } from '../store/db.ts'
import { cleanText } from '../store/clean.ts'
import type { Tx } from '../store/leader.ts'
import type { StoredLine } from '../store/schema.ts'
import { levelOf } from './level.ts'

/**
 * One batch of a container's lines. It is applied only where it begins at the stored cursor; otherwise the reply says
 * where to go on. So neither a lost reply nor a killed agent loses or doubles a line (I11).
 */
export function takeLogs(db: Db, agent: string, allocation: string, batch: LogBatch): Promise<LogReply> {
  if (batch.to < batch.from) return Promise.resolve({ v: 1, ok: false, final: false, error: `to ${batch.to} lies before from ${batch.from}` })
  return db.transaction().execute(async (tx): Promise<LogReply> => {
    const member = await lockMember(tx, agent, allocation, batch.rank)
    if (!member) return { v: 1, ok: false, final: true, error: `allocation ${allocation} takes no lines from rank ${batch.rank} of agent ${agent}: it is sealed or not this agent's` }
    const cursor = member.container === batch.containerId ? member.cursor : 0
    if (batch.from !== cursor || (batch.to === batch.from && batch.lines.length === 0)) return { v: 1, ok: true, cursor }
    await appendLines(tx, { taskId: member.taskId, allocationId: allocation, rank: batch.rank, agentId: agent, containerId: batch.containerId, source: 'task' }, batch.lines.map(toStored))
    await tx.updateTable('allocation_members').set({ log_container: batch.containerId, log_cursor: batch.to })
      .where('allocation_id', '=', allocation).where('rank', '=', batch.rank).execute()
    return { v: 1, ok: true, cursor: batch.to }
  })
}

interface MemberRow {
  container: string
  cursor: number
  taskId: string
}

/** Allocation first, then member: the order of all writers. Undefined when sealed or not this agent's. */
async function lockMember(tx: Tx, agent: string, allocation: string, rank: number): Promise<MemberRow | undefined> {
  const live = await tx.selectFrom('allocations').select('task_id').where('id', '=', allocation).where('state', '<>', 'SEALED').forShare().executeTakeFirst()
  if (!live) return undefined
  const { rows } = await sql<MemberRow>`SELECT log_container AS container, log_cursor AS cursor, ${live.task_id}::text AS "taskId" FROM allocation_members
    WHERE allocation_id = ${allocation} AND rank = ${rank} AND agent_id = ${agent} FOR UPDATE`.execute(tx)
  return rows[0]
}

function toStored(line: LogBatch['lines'][number]): StoredLine {
  const text = cleanText(line.text)
  return [Math.floor(line.t), line.std, levelOf(text), text]
}
