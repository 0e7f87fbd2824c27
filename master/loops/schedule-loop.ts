import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { afterAssign } from '../schedule/after-assign.ts'
import { schedule } from '../schedule/schedule.ts'
import type { PendingAllocation, ScheduleDecision } from '../schedule/world.ts'
import type { LoopDeps } from './deps.ts'
import { applyAssigns, applyWaits, type Assign, type Seen } from './schedule-apply.ts'
import { loadPendingAhead } from './assignment.ts'
import { loadAgents, loadComing, type LoadedAgent } from './schedule-load.ts'

const SWEEP_MS = 1_000
/** placements of one transaction: enough to share its cost, few enough to keep its locks short */
const GROUP = 64

/**
 * The agents as the last pass left them. A placement made from it is checked under locks like any other; that something
 * must wait is only ever said from a fresh snapshot.
 */
interface Memory {
  agents: readonly LoadedAgent[] | null
  /** of the leader that loaded them: another leader may have filled slots since */
  epoch: number | null
}

/** Load, decide, apply; agents are poked after each commit. */
export function startScheduleLoop(deps: LoopDeps): Loop {
  const memory: Memory = { agents: null, epoch: null }
  return startLoop({ name: 'schedule', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => schedulePass(deps, memory) })
}

export async function schedulePass(deps: LoopDeps, memory: Memory = { agents: null, epoch: null }): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  const { pending, assignments } = await loadPendingAhead(deps.db, GROUP)
  if (pending.length === 0) return
  if (memory.epoch !== epoch) memory.agents = null
  memory.epoch = epoch
  const { decisions, agents } = await decide(deps, memory, pending)
  memory.agents = agents
  const assigns = decisions.filter((decision) => decision.kind === 'assign')
  for (let from = 0; from < assigns.length; from += GROUP) await assignGroup(deps, epoch, memory, assigns.slice(from, from + GROUP), { agents, assignments })
  const changed = await applyWaits(deps, epoch, decisions.filter((decision) => decision.kind === 'wait'))
  if (changed === 0) return
  deps.wake('scale')
  deps.wake('feed')
}

async function decide(deps: LoopDeps, memory: Memory, pending: PendingAllocation[]): Promise<{ decisions: ScheduleDecision[]; agents: readonly LoadedAgent[] }> {
  if (memory.agents !== null) {
    const decisions = schedule({ agents: memory.agents, pending })
    if (decisions.every((decision) => decision.kind === 'assign')) return { decisions, agents: memory.agents }
  }
  const agents = await loadAgents(deps.db)
  return { decisions: schedule({ agents, pending, coming: await loadComing(deps.db) }), agents }
}

async function assignGroup(deps: LoopDeps, epoch: number, memory: Memory, group: readonly Assign[], seen: Seen): Promise<void> {
  const placed = await applyAssigns(deps, epoch, group, seen)
  if (placed.length < group.length) {
    // the world moved on: look at it anew
    memory.agents = null
    deps.wake('schedule')
  } else if (memory.agents !== null) memory.agents = afterAssign(memory.agents, placed)
  if (placed.length === 0) return
  for (const decision of placed) deps.log.info({ allocation: decision.allocation, members: decision.members }, 'allocation assigned')
  deps.poke([...new Set(placed.flatMap((decision) => decision.members.map((member) => member.agent)))])
  deps.wake('feed')
}
