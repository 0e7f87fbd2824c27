import { sql } from 'kysely'
import type { CheckpointStorageConfig } from '../../../protocol/words/experiment-config.ts'
import { canMoveAllocation, type AllocationState } from '../../../protocol/words/states.ts'
import type { LoopName } from '../../../protocol/wire/subjects.ts'
import type { Storage } from '../../../protocol/wire/spec.ts'
import { followMembers } from '../../store/allocations.ts'
import type { NewEvent } from '../../store/events.ts'
import type { Tx } from '../../store/leader.ts'
import type { StoredLine } from '../../store/schema.ts'
import type { SearcherMetric } from '../../store/trial-summary.ts'
import type { Report } from '../fold-metrics.ts'

export interface ClusterFacts {
  clusterId: string
  storage: Storage
}

/** One transaction's worth of effects. Rows are locked allocation first; what can wait is written once at the end. */
export interface EffectContext {
  tx: Tx
  agent: string
  cluster: ClusterFacts
  allocations: ReadonlyMap<string, AllocationFacts>
  events: NewEvent[]
  wakes: Set<LoopName>
  /** agents whose desired state changes: their generations are raised at the end, they are poked after the commit */
  raise: Set<string>
}

/** An allocation that is not sealed and of which this agent is a member; anything else has no effect (I3). */
export interface AllocationFacts {
  id: string
  taskId: string
  epoch: number
  state: AllocationState
  rank: number
  /** members of it, this one among them */
  worldSize: number
  memberState: AllocationState
  /** 0: it is a command, which has neither trial nor experiment */
  trialId: number
  /** the search's own number of it */
  trialNumber: number
  experimentId: number
  slug: string
  ownStorage: CheckpointStorageConfig | null
  searcher: SearcherMetric
  notes: StoredLine[]
  reports: Report[]
  progress: number | null
  status: string | null
}

type Row = Omit<AllocationFacts, 'notes' | 'reports' | 'progress' | 'status'>

/** Locks the allocations in the order of their ids. */
export async function lockAllocations(tx: Tx, agent: string, ids: readonly string[]): Promise<Map<string, AllocationFacts>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<Row>`
    SELECT a.id, a.task_id AS "taskId", a.epoch, a.state, m.rank, m.state AS "memberState", (SELECT count(*)::int FROM allocation_members w WHERE w.allocation_id = a.id) AS "worldSize", coalesce(tr.id, 0) AS "trialId", coalesce(tr.number, 0) AS "trialNumber", coalesce(e.id, 0) AS "experimentId", coalesce(e.slug, '') AS slug,
      nullif(e.config->'checkpoint_storage', 'null'::jsonb) AS "ownStorage", coalesce(e.searcher, '{"metric": "", "smaller_is_better": true}') AS searcher
    FROM allocations a JOIN allocation_members m ON m.allocation_id = a.id AND m.agent_id = ${agent}
    JOIN tasks t ON t.id = a.task_id AND t.epoch = a.epoch LEFT JOIN trials tr ON tr.task_id = t.id LEFT JOIN experiments e ON e.id = tr.experiment_id
    WHERE a.id = ANY(${[...ids]}::text[]) AND a.state <> 'SEALED' ORDER BY a.id FOR UPDATE OF a`.execute(tx)
  return new Map(rows.map((row) => [row.id, { ...row, notes: [], reports: [], progress: null, status: null }]))
}

/** Moves this agent's member forward, and the allocation with its slowest. A state never goes back. */
export async function moveMember(context: EffectContext, facts: AllocationFacts, to: AllocationState, containerId: string | null): Promise<boolean> {
  if (!canMoveAllocation(facts.memberState, to)) return false
  facts.memberState = to
  await context.tx.updateTable('allocation_members').set({ state: to, ...(containerId === null ? {} : { container_id: containerId }) })
    .where('allocation_id', '=', facts.id).where('rank', '=', facts.rank).execute()
  facts.state = await followMembers(context.tx, facts.id, facts.state)
  return true
}

export function aboutAllocation(context: EffectContext, facts: AllocationFacts): Pick<NewEvent, 'experimentId' | 'trialId' | 'allocationId' | 'agentId'> {
  return { experimentId: facts.experimentId || null, trialId: facts.trialId || null, allocationId: facts.id, agentId: context.agent }
}
