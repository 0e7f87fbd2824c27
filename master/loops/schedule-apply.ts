import { sql } from 'kysely'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import { composeSpec } from '../reconcile/compose-spec.ts'
import type { PlacedMember, ScheduleDecision } from '../schedule/world.ts'
import { raiseGenerations } from '../store/allocations.ts'
import { putBlob } from '../store/blobs.ts'
import { toJsonb } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import { newToken } from '../store/secrets.ts'
import { loadAssignment, newestCheckpoint, replaceMetricsAfter, type Assignment } from './assignment.ts'
import type { LoopDeps } from './deps.ts'
import { SUSPECT_SECONDS } from './schedule-load.ts'

type Assign = Extract<ScheduleDecision, { kind: 'assign' }>
type Wait = Extract<ScheduleDecision, { kind: 'wait' }>

/**
 * Commits one placement, fenced by the leader's epoch and the rows that it saw: still PENDING, agent still open, slots
 * still free (I1). False = the world moved on, look again.
 */
export function applyAssign(deps: LoopDeps, epoch: number, decision: Assign): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const assignment = await loadAssignment(tx, decision.allocation)
    if (assignment === null) return false
    const agents = [...decision.members].sort((a, b) => (a.agent < b.agent ? -1 : 1))
    for (const member of agents) {
      if (!(await slotsStillFree(tx, member, assignment.pool))) return false
    }
    const restore = await newestCheckpoint(tx, assignment.taskId)
    await replaceMetricsAfter(tx, assignment, restore?.steps ?? 0)
    for (const member of decision.members) await addMember(tx, deps, assignment, member, decision.members.length, restore)
    await tx.updateTable('allocations').set({ state: 'ASSIGNED', assigned_at: sql<Date>`now()`, wait_reason: '' }).where('id', '=', decision.allocation).execute()
    await raiseGenerations(tx, decision.members.map((member) => member.agent))
    await addEvents(tx, [{
      kind: 'allocation-assigned', experimentId: assignment.experiment.id, trialId: assignment.trial.id, allocationId: decision.allocation, agentId: decision.members[0]?.agent ?? null,
      text: `allocation ${decision.allocation} was assigned: ${decision.reason}${restore ? `; resumes from checkpoint ${restore.uuid} at step ${restore.steps}` : ''}`,
      data: { members: decision.members, restore: restore?.uuid ?? null },
    }])
    return true
  })
}

/** Writes why each waits; rows that say so already are left alone. Returns how many changed. */
export function applyWaits(deps: LoopDeps, epoch: number, waits: readonly Wait[]): Promise<number> {
  if (waits.length === 0) return Promise.resolve(0)
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const result = await sql`UPDATE allocations a SET wait_reason = w.reason
      FROM unnest(${waits.map((w) => w.allocation)}::text[], ${waits.map((w) => w.reason)}::text[]) AS w (id, reason)
      WHERE a.id = w.id AND a.state = 'PENDING' AND a.wait_reason IS DISTINCT FROM w.reason`.execute(tx)
    return Number(result.numAffectedRows ?? 0n)
  })
}

/** Locks the agent's row: two placements on one agent go one after the other. */
async function slotsStillFree(tx: Tx, member: PlacedMember, pool: string): Promise<boolean> {
  const { rows } = await sql<{ free: boolean }>`
    WITH agent AS (SELECT * FROM agents WHERE id = ${member.agent} FOR UPDATE)
    SELECT g.enabled AND NOT g.draining AND g.retired_at IS NULL AND g.retiring IS NULL AND g.notice IS NULL AND g.lost_at IS NULL AND g.pool = ${pool}
      AND coalesce(g.seen_at >= clock_timestamp() - make_interval(secs => ${SUSPECT_SECONDS}), false)
      AND (SELECT count(*) FROM jsonb_array_elements(g.inventory->'slots') s WHERE s->>'id' = ANY(${[...member.slots]}::text[]) AND NOT g.disabled_slots ? (s->>'id')) = ${member.slots.length}
      AS free FROM agent g`.execute(tx)
  if (!rows[0]?.free) return false
  // a statement of its own: its snapshot is newer than the lock
  const busy = await sql`SELECT 1 FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
    WHERE m.agent_id = ${member.agent} AND m.state NOT IN ('DRAINING', 'SEALED') AND a.state NOT IN ('PENDING', 'DRAINING', 'SEALED')
      AND m.slot_ids ?| ${[...member.slots]}::text[] LIMIT 1`.execute(tx)
  return busy.rows.length === 0
}

async function addMember(tx: Tx, deps: LoopDeps, assignment: Assignment, member: PlacedMember, worldSize: number, restore: Awaited<ReturnType<typeof newestCheckpoint>>): Promise<void> {
  const { token, hash } = newToken()
  const kinds = await sql<{ kind: 'cuda' | 'mig' | 'cpu' }>`SELECT s->>'kind' AS kind FROM agents g, jsonb_array_elements(g.inventory->'slots') s
    WHERE g.id = ${member.agent} AND s->>'id' = ANY(${[...member.slots]}::text[])`.execute(tx)
  const spec = composeSpec({
    allocation: assignment.allocation, experiment: assignment.experiment, trial: assignment.trial, owner: assignment.owner,
    member: { rank: member.rank, worldSize, slots: member.slots, slotKinds: kinds.rows.map((row) => row.kind) },
    clusterId: deps.clusterId, storage: assignment.storage(deps.storage), restore, token,
  })
  const digest = await putBlob(tx, Buffer.from(canonicalJson(spec)))
  await tx.insertInto('tokens').values({ hash, kind: 'allocation', user_id: assignment.ownerId, allocation_id: assignment.allocation.id, agent_id: member.agent }).execute()
  await tx.insertInto('allocation_members').values({
    allocation_id: assignment.allocation.id, rank: member.rank, agent_id: member.agent, slot_ids: toJsonb(member.slots), spec_digest: digest, state: 'ASSIGNED',
  }).execute()
}
