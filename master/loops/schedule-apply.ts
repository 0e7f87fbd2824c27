import { sql } from 'kysely'
import { storageUrl } from '../../protocol/bucket/url.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import { composeSpec } from '../reconcile/compose-spec.ts'
import type { ScheduleDecision } from '../schedule/world.ts'
import { raiseGenerations } from '../store/allocations.ts'
import { putBlobs } from '../store/blobs.ts'
import { toJsonb } from '../store/clean.ts'
import { addEvents, type NewEvent } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import { newToken } from '../store/secrets.ts'
import { loadAssignments, replaceMetricsAfter, type Assignment } from './assignment.ts'
import type { LoopDeps } from './deps.ts'
import { lockPlaces, type Places } from './schedule-places.ts'

export type Assign = Extract<ScheduleDecision, { kind: 'assign' }>
type Wait = Extract<ScheduleDecision, { kind: 'wait' }>

/**
 * Commits placements in one transaction (group commit), fenced by the leader's epoch and the rows that they saw: still
 * PENDING, agents still open, slots still free (I1). One that the world has overtaken is left out, the others stand.
 * Returns those that were committed.
 */
export function applyAssigns(deps: LoopDeps, epoch: number, decisions: readonly Assign[]): Promise<Assign[]> {
  if (decisions.length === 0) return Promise.resolve([])
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const assignments = await loadAssignments(tx, decisions.map((decision) => decision.allocation))
    const places = await lockPlaces(tx, decisions.flatMap((decision) => decision.members))
    const placed = decisions.flatMap((decision) => {
      const assignment = assignments.get(decision.allocation)
      return assignment && places.take(decision.members, assignment.pool) ? [{ decision, assignment }] : []
    })
    if (placed.length === 0) return []
    for (const { assignment } of placed) await replaceMetricsAfter(tx, assignment, assignment.restore?.steps ?? 0)
    await addMembers(tx, deps, placed, places)
    await sql`UPDATE allocations SET state = 'ASSIGNED', assigned_at = now(), wait_reason = '' WHERE id = ANY(${placed.map(({ decision }) => decision.allocation)}::text[])`.execute(tx)
    await raiseGenerations(tx, [...new Set(placed.flatMap(({ decision }) => decision.members.map((member) => member.agent)))])
    await addEvents(tx, placed.map(assignedEvent))
    return placed.map(({ decision }) => decision)
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

interface Placed {
  decision: Assign
  assignment: Assignment
}

function assignedEvent({ decision, assignment }: Placed): NewEvent {
  const { restore } = assignment
  return {
    kind: 'allocation-assigned', experimentId: assignment.experiment.id, trialId: assignment.trial.id, allocationId: decision.allocation, agentId: decision.members[0]?.agent ?? null, pool: assignment.pool,
    text: `allocation ${decision.allocation} was assigned: ${decision.reason}${restore ? `; resumes from checkpoint ${restore.uuid} at step ${restore.steps}` : ''}`,
    data: { members: decision.members, restore: restore?.uuid ?? null },
  }
}

function isOwn(deps: LoopDeps, assignment: Assignment): boolean {
  return storageUrl(assignment.storage(deps.storage)) !== storageUrl(deps.storage)
}

/** One row a member, its spec as a blob, its token by hash. */
async function addMembers(tx: Tx, deps: LoopDeps, placed: readonly Placed[], places: Places): Promise<void> {
  const rows = placed.flatMap(({ decision, assignment }) => decision.members.map((member) => {
    const { token, hash } = newToken()
    const spec = composeSpec({
      allocation: assignment.allocation, experiment: assignment.experiment, trial: assignment.trial, owner: assignment.owner,
      member: { rank: member.rank, worldSize: decision.members.length, slots: member.slots, slotKinds: places.kinds(member) },
      clusterId: deps.clusterId, storage: assignment.storage(deps.storage), restore: assignment.restore, token,
      harness: { storage: isOwn(deps, assignment) ? 'own' : 'cluster', owner: { id: assignment.ownerId, name: assignment.ownerName }, latest: assignment.latest, slotsByRank: decision.members.toSorted((a, b) => a.rank - b.rank).map((one) => one.slots.length) },
    })
    return { member, assignment, hash, bytes: Buffer.from(canonicalJson(spec)) }
  }))
  const digests = await putBlobs(tx, rows.map((row) => row.bytes))
  await tx.insertInto('tokens').values(rows.map(({ hash, member, assignment }) => ({
    hash, kind: 'allocation' as const, user_id: assignment.ownerId, allocation_id: assignment.allocation.id, agent_id: member.agent,
  }))).execute()
  await tx.insertInto('allocation_members').values(rows.map(({ member, assignment }, index) => ({
    allocation_id: assignment.allocation.id, rank: member.rank, agent_id: member.agent, slot_ids: toJsonb(member.slots), spec_digest: digests[index] ?? '', state: 'ASSIGNED' as const,
  }))).execute()
}
