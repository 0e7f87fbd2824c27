import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import { decideCommand, type CommandDecision, type CommandFacts } from '../reconcile/command.ts'
import { sealAllocation, setWant } from '../store/allocations.ts'
import type { Db } from '../store/db.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { LoopDeps } from './deps.ts'
import { eachOrThrowAfter } from './each.ts'
import { DISABLED } from './lifecycle-load.ts'

/** Drives each command to its next step; part of the lifecycle loop. */
export async function commandPass(deps: LoopDeps, epoch: number): Promise<void> {
  const { now, commands } = await loadCommands(deps.db, null)
  const steps = commands.flatMap((facts) => {
    const decision = decideCommand(facts, now)
    return decision === null ? [] : [{ facts, decision }]
  })
  await eachOrThrowAfter(steps, async ({ facts, decision }) => {
    const agents = await applyCommand(deps, epoch, facts, now, decision)
    if (agents === null) return
    deps.log.info({ task: facts.taskId, decision }, 'command went on')
    deps.poke(agents)
    deps.wake('schedule')
    deps.wake('feed')
  })
}

/** One transaction: locks, decides again, goes on only with the same answer. Agents to poke; null = the world moved on. */
function applyCommand(deps: LoopDeps, epoch: number, seen: CommandFacts, now: number, decision: CommandDecision): Promise<readonly string[] | null> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await sql`SELECT 1 FROM allocations WHERE id = ${seen.allocation} FOR UPDATE`.execute(tx)
    await sql`SELECT 1 FROM tasks WHERE id = ${seen.taskId} FOR UPDATE`.execute(tx)
    const facts = (await loadCommands(tx, seen.taskId)).commands[0]
    if (!facts || !isDeepStrictEqual(decideCommand(facts, now), decision)) return null
    return carryOut(tx, decision)
  })
}

async function carryOut(tx: Tx, decision: CommandDecision): Promise<readonly string[]> {
  if (decision.kind === 'want') {
    const { agents } = await setWant(tx, decision.allocation, decision.from, decision.to, decision.reason)
    await addEvents(tx, [{ kind: 'allocation-want', allocationId: decision.allocation, text: `allocation ${decision.allocation}: ${decision.to}, because: ${decision.reason}`, data: { want: decision.to } }])
    return agents
  }
  const { agents } = await sealAllocation(tx, decision.allocation)
  await tx.updateTable('tasks').set({ ended_at: sql<Date>`now()` }).where('id', '=', decision.taskId).execute()
  await tx.updateTable('commands').set({ end_reason: decision.endReason }).where('task_id', '=', decision.taskId).execute()
  await addEvents(tx, [{ kind: 'allocation-sealed', allocationId: decision.allocation, text: `allocation ${decision.allocation} was sealed: ${decision.reason}${decision.endReason === '' ? '' : `; ${decision.endReason}`}` }])
  return agents
}

async function loadCommands(db: Db | Tx, only: string | null): Promise<{ now: number; commands: CommandFacts[] }> {
  const { rows } = await sql<CommandFacts & { now: number }>`
    SELECT c.task_id AS "taskId", c.killed_by AS "killedBy", a.id AS allocation, a.state, a.want, coalesce(m.drained, false) AS drained, m.disabled AS "disabledAgent", a.exit_kind AS "exitKind", a.exit_text AS "exitText",
      floor(extract(epoch FROM a.ended_at) * 1000)::float8 AS "endedAt", floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
    FROM tasks k JOIN commands c ON c.task_id = k.id JOIN allocations a ON a.task_id = k.id AND a.epoch = k.epoch
    LEFT JOIN LATERAL (SELECT bool_and(m.drained) AS drained, ${DISABLED} AS disabled
      FROM allocation_members m LEFT JOIN agents g ON g.id = m.agent_id WHERE m.allocation_id = a.id) m ON true
    WHERE k.kind = 'COMMAND' AND k.ended_at IS NULL AND (${only}::text IS NULL OR k.id = ${only}::text) ORDER BY k.id`.execute(db)
  return { now: rows[0]?.now ?? 0, commands: rows.map(({ now: _, ...facts }) => facts) }
}
