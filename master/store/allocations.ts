import { sql } from 'kysely'
import type { ExitKind } from '../../protocol/words/failures.ts'
import { allocationId } from '../../protocol/words/ids.ts'
import { canMoveAllocation, type AllocationState, type Want } from '../../protocol/words/states.ts'
import { isRatherCause } from '../reconcile/gang-cause.ts'
import type { Tx } from './leader.ts'

export interface NewAllocation {
  taskId: string
  pool: string
  slots: number
}

/**
 * Raises the task's epoch and makes its next allocation, PENDING (I2, I3). The unique index over live allocations
 * refuses a second one.
 */
export async function createAllocation(tx: Tx, input: NewAllocation): Promise<{ id: string; epoch: number }> {
  const { epoch } = await tx.updateTable('tasks').set({ epoch: sql`epoch + 1` }).where('id', '=', input.taskId).returning('epoch').executeTakeFirstOrThrow()
  const id = allocationId(input.taskId, epoch)
  await tx.insertInto('allocations').values({ id, task_id: input.taskId, epoch, state: 'PENDING', pool: input.pool, slots: input.slots }).execute()
  return { id, epoch }
}

/** The agent must hear of it: raised in the deciding transaction, poked after its commit. */
export async function raiseGenerations(tx: Tx, agents: readonly string[]): Promise<void> {
  if (agents.length === 0) return
  await sql`UPDATE agents SET generation = generation + 1 WHERE id IN (SELECT id FROM agents WHERE id = ANY(${[...agents].sort()}) ORDER BY id FOR UPDATE)`.execute(tx)
}

/** The allocation follows its slowest member and never goes back. Returns the state it is in then. */
export async function followMembers(tx: Tx, id: string, from: AllocationState): Promise<AllocationState> {
  const members = await tx.selectFrom('allocation_members').select('state').where('allocation_id', '=', id).execute()
  const slowest = members.map((member) => member.state).reduce((a, b) => (canMoveAllocation(a, b) ? a : b))
  if (!canMoveAllocation(from, slowest)) return from
  await tx.updateTable('allocations').set({
    state: slowest,
    ...(slowest === 'RUNNING' ? { running_at: sql<Date>`now()` } : {}),
    ...(slowest === 'DRAINING' ? { ended_at: sql<Date>`now()` } : {}),
  }).where('id', '=', id).execute()
  return slowest
}

export interface MemberExit {
  kind: ExitKind
  code: number | null
  text: string
  oomKilled: boolean
  /** by the clock of its host; null = it is noticed only now */
  at: Date | null
}

/** The end of a member, kept where it is rather the cause than what is known. Its caller holds the allocation's lock. */
export async function noteExit(tx: Tx, id: string, end: MemberExit): Promise<void> {
  const known = await tx.selectFrom('allocations').select(['exit_kind', 'exit_at']).where('id', '=', id).executeTakeFirstOrThrow()
  const before = known.exit_kind === null ? null : { kind: known.exit_kind, at: known.exit_at?.getTime() ?? 0 }
  if (!isRatherCause({ kind: end.kind, at: end.at?.getTime() ?? Infinity }, before)) return
  await tx.updateTable('allocations').set({ exit_kind: end.kind, exit_code: end.code, exit_text: end.text, exit_at: end.at ?? sql<Date>`now()`, oom_killed: end.oomKilled }).where('id', '=', id).execute()
}

/** All of its members have said that logs and checkpoints are through, or are lost. */
export async function noteDrained(tx: Tx, id: string): Promise<void> {
  const behind = await tx.selectFrom('allocation_members').select('rank').where('allocation_id', '=', id).where('drained', '=', false).executeTakeFirst()
  if (!behind) await tx.updateTable('allocations').set({ drained: true }).where('id', '=', id).execute()
}

async function membersOf(tx: Tx, allocation: string): Promise<string[]> {
  const rows = await tx.selectFrom('allocation_members').select('agent_id').where('allocation_id', '=', allocation).orderBy('agent_id').execute()
  return [...new Set(rows.map((row) => row.agent_id))]
}

/**
 * SEALED: its epoch is over, its token dies, nothing of it commits any more (I3). Zero rows changed = it was sealed
 * already. Returns the agents that must discard what they hold.
 */
export async function sealAllocation(tx: Tx, id: string): Promise<{ sealed: boolean; agents: string[] }> {
  const result = await tx.updateTable('allocations')
    .set({ state: 'SEALED', sealed_at: sql<Date>`now()`, ended_at: sql<Date>`coalesce(ended_at, now())`, wait_reason: '' })
    .where('id', '=', id).where('state', '<>', 'SEALED').executeTakeFirst()
  if (result.numUpdatedRows === 0n) return { sealed: false, agents: [] }
  await tx.deleteFrom('tokens').where('allocation_id', '=', id).execute()
  const agents = await membersOf(tx, id)
  await raiseGenerations(tx, agents)
  return { sealed: true, agents }
}

/** Asks more of a live allocation: a wish never goes back (run < preempt < stop < kill). */
export async function setWant(tx: Tx, id: string, from: Want, want: Want, reason: string): Promise<{ changed: boolean; agents: string[] }> {
  const result = await tx.updateTable('allocations')
    .set({ want, want_reason: reason, want_at: sql<Date>`now()` })
    .where('id', '=', id).where('want', '=', from).where('state', 'not in', ['PENDING', 'DRAINING', 'SEALED']).executeTakeFirst()
  if (result.numUpdatedRows === 0n) return { changed: false, agents: [] }
  const agents = await membersOf(tx, id)
  await raiseGenerations(tx, agents)
  return { changed: true, agents }
}
