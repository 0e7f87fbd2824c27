import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { storageUrl } from '../../protocol/bucket/url.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import { composeSpec } from '../reconcile/compose-spec.ts'
import type { ScheduleDecision } from '../schedule/world.ts'
import type { NewEvent } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import { newToken } from '../store/secrets.ts'
import { loadAssignments, replaceMetricsAfter, type Assignment } from './assignment.ts'
import type { LoopDeps } from './deps.ts'
import { place, type MemberRow, type Placement } from './place.ts'
import type { LoadedAgent } from './schedule-load.ts'

export type Assign = Extract<ScheduleDecision, { kind: 'assign' }>
type Wait = Extract<ScheduleDecision, { kind: 'wait' }>

/** What decisions were made from. */
export interface Seen {
  agents: readonly LoadedAgent[]
  /** as far as they are known; what is missing is loaded */
  assignments: ReadonlyMap<string, Assignment>
}

/**
 * Commits placements together, fenced (`place`). One that the world has overtaken is left out, the others stand. Returns those that were
 * committed.
 */
export async function applyAssigns(deps: LoopDeps, epoch: number, decisions: readonly Assign[], seen: Seen): Promise<Assign[]> {
  if (decisions.length === 0) return []
  const others = await loadAssignments(deps.db, decisions.map((decision) => decision.allocation).filter((id) => !seen.assignments.has(id)))
  const known = new Map(seen.agents.map((agent) => [agent.id, agent]))
  const made = decisions.flatMap((decision) => {
    const assignment = seen.assignments.get(decision.allocation) ?? others.get(decision.allocation)
    return assignment && decision.members.every((member) => known.has(member.agent)) ? [{ decision, assignment, placement: placementOf(deps, { decision, assignment }, known) }] : []
  })
  const first = made.filter(({ assignment }) => assignment.allocation.epoch === 1)
  const placed = first.length === 0 ? new Set<string>() : await place(deps.db, epoch, first.map((one) => one.placement))
  for (const again of made.filter((one) => !first.includes(one))) if (await placeAgain(deps, epoch, again)) placed.add(again.decision.allocation)
  return decisions.filter((decision) => placed.has(decision.allocation))
}

/** A later attempt of a trial: what its earlier ones reported above the point of resumption goes with the placement, or stays with it. */
async function placeAgain(deps: LoopDeps, epoch: number, { assignment, placement }: { assignment: Assignment; placement: Placement }): Promise<boolean> {
  const overtaken = new Error('overtaken')
  try {
    await deps.db.transaction().execute(async (tx) => {
      await assertLeader(tx, epoch)
      await replaceMetricsAfter(tx, assignment, (assignment.restore ?? assignment.latest)?.steps ?? 0)
      if ((await place(tx, epoch, [placement])).size === 0) throw overtaken
    })
    return true
  } catch (error) {
    if (error !== overtaken) throw error
    return false
  }
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
    kind: 'allocation-assigned', experimentId: assignment.experiment.id || null, trialId: assignment.trial.id || null, allocationId: decision.allocation, agentId: decision.members[0]?.agent ?? null, pool: assignment.pool,
    text: `allocation ${decision.allocation} was assigned: ${decision.reason}${restore ? `; resumes from checkpoint ${restore.uuid} at step ${restore.steps}` : ''}`,
    data: { members: decision.members, restore: restore?.uuid ?? null },
  }
}

function isOwn(deps: LoopDeps, assignment: Assignment): boolean {
  return storageUrl(assignment.storage(deps.storage)) !== storageUrl(deps.storage)
}

/** One row a member, its spec as a blob, its token by hash. */
function placementOf(deps: LoopDeps, placed: Placed, agents: ReadonlyMap<string, LoadedAgent>): Placement {
  const { decision, assignment } = placed
  const members = decision.members.map((member): MemberRow => {
    const { token, hash } = newToken()
    const agent = agents.get(member.agent)
    const spec = canonicalJson(composeSpec({
      allocation: assignment.allocation, experiment: assignment.experiment, trial: assignment.trial, ...(assignment.kind === undefined ? {} : { kind: assignment.kind }), owner: assignment.owner,
      member: { rank: member.rank, worldSize: decision.members.length, slots: member.slots, slotKinds: member.slots.flatMap((id) => agent?.slots.find((slot) => slot.id === id)?.kind ?? []) },
      clusterId: deps.clusterId, storage: assignment.storage(deps.storage), restore: assignment.restore, token,
      harness: { storage: isOwn(deps, assignment) ? 'own' : 'cluster', owner: { id: assignment.ownerId, name: assignment.ownerName }, latest: assignment.latest, slotsByRank: decision.members.toSorted((a, b) => a.rank - b.rank).map((one) => one.slots.length) },
    }))
    return {
      allocation: assignment.allocation.id, epoch: assignment.allocation.epoch, restore: assignment.restore?.uuid ?? null, owner: assignment.ownerId, pool: assignment.pool, rank: member.rank,
      agent: member.agent, inventory: agent?.inventory ?? '', slots: member.slots, digest: createHash('sha256').update(spec).digest('hex'), spec, token: hash.toString('hex'),
    }
  })
  return { allocation: decision.allocation, members, event: assignedEvent(placed) }
}
