import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'

/**
 * One step for one allocation, with its reason. The executor of each kind stands in agent/steps; every step is safe to
 * run again, since the next round looks at the world anew.
 */
export type Step =
  | { kind: 'accept'; alloc: string; spec: string; reason: string }
  | { kind: 'refuse'; alloc: string; reason: string }
  | { kind: 'prepare'; alloc: string; reason: string }
  | { kind: 'create'; alloc: string; reason: string }
  | { kind: 'start'; alloc: string; containerId: string; reason: string }
  | { kind: 'attach'; alloc: string; containerId: string; reason: string }
  | { kind: 'preempt'; alloc: string; reason: string }
  | { kind: 'terminate'; alloc: string; containerId: string; signal: 'SIGTERM' | 'SIGKILL'; reason: string }
  | { kind: 'report-exit'; alloc: string; containerId: string; reason: string }
  | { kind: 'report-vanished'; alloc: string; reason: string }
  | { kind: 'report-unstarted'; alloc: string; reason: string }
  | { kind: 'drain'; alloc: string; reason: string }
  | { kind: 'discard'; alloc: string; containerId: string | null; reason: string }

export type StepKind = Step['kind']

/** Phase is the last durable step; see the journal's door. */
export interface PlannedAllocation {
  alloc: string
  phase: 'accepted' | 'restored' | 'created' | 'started' | 'exited' | 'drained'
  preemptAt: number | null
  stopAt: number | null
  preemptSeconds: number
  stopGraceSeconds: number
  attached: boolean
}

export interface PlanContainer {
  id: string
  alloc: string
  running: boolean
  fresh: boolean
}

export interface PlanWorld {
  desired: readonly Desired[]
  journal: readonly PlannedAllocation[]
  containers: readonly PlanContainer[]
  /** highest epoch ever accepted, by task */
  epochs: Readonly<Record<string, number>>
  /** allocations with a step under way: left alone in this round */
  busy: ReadonlySet<string>
  nowMs: number
}

/** Desired x journal x Docker -> at most one step for each allocation, in order of their ids (I9). Pure. */
export function plan(world: PlanWorld): Step[] {
  const desired = new Map(world.desired.map((wish) => [wish.alloc, wish]))
  const journal = new Map(world.journal.map((row) => [row.alloc, row]))
  const containers = new Map(world.containers.map((container) => [container.alloc, container]))
  const allocs = [...new Set([...desired.keys(), ...journal.keys(), ...containers.keys()])].toSorted()
  return allocs.filter((alloc) => !world.busy.has(alloc)).flatMap((alloc) => stepFor(alloc, desired.get(alloc), journal.get(alloc), containers.get(alloc), world) ?? [])
}

function stepFor(alloc: string, wish: Desired | undefined, row: PlannedAllocation | undefined, container: PlanContainer | undefined, world: PlanWorld): Step | null {
  if (wish?.want === 'discard') return { kind: 'discard', alloc, containerId: container?.id ?? null, reason: wish.reason ?? 'the master no longer knows it' }
  if (!row) return wish ? accept(alloc, wish, world) : null
  if (row.phase === 'drained') return null
  if (row.phase === 'exited') return { kind: 'drain', alloc, reason: 'the container is gone, its last bytes are on their way' }
  const ending = wish?.want === 'kill' || wish?.want === 'stop' || wish?.want === 'preempt'
  if (row.phase === 'accepted' || row.phase === 'restored') {
    if (ending) return { kind: 'report-unstarted', alloc, reason: wish.reason ?? 'the master asked it to end before it began' }
    return row.phase === 'accepted' ? { kind: 'prepare', alloc, reason: 'image and checkpoint come before the container' } : { kind: 'create', alloc, reason: 'image and checkpoint are here' }
  }
  if (!container) return { kind: 'report-vanished', alloc, reason: 'Docker no longer has the container' }
  if (container.fresh) {
    if (ending) return { kind: 'report-unstarted', alloc, reason: wish.reason ?? 'the master asked it to end before it began' }
    return { kind: 'start', alloc, containerId: container.id, reason: 'the container is made' }
  }
  if (!container.running) return { kind: 'report-exit', alloc, containerId: container.id, reason: 'the container has ended' }
  return end(alloc, wish, row, container, world.nowMs) ?? (row.attached ? null : { kind: 'attach', alloc, containerId: container.id, reason: 'the container runs' })
}

function accept(alloc: string, wish: Desired, world: PlanWorld): Step | null {
  const id = parseAllocationId(alloc)
  if (!id || wish.spec === undefined) return { kind: 'refuse', alloc, reason: 'the order names no allocation or no spec' }
  const highest = world.epochs[id.task] ?? 0
  if (id.epoch <= highest) return { kind: 'refuse', alloc, reason: `epoch ${id.epoch} is not above ${highest}, the highest this agent has run (I3)` }
  return { kind: 'accept', alloc, spec: wish.spec, reason: 'the master assigned it' }
}

/** Preempt: ask, wait, SIGTERM, wait, SIGKILL. Stop: SIGTERM, wait, SIGKILL. Kill: SIGKILL. */
function end(alloc: string, wish: Desired | undefined, row: PlannedAllocation, container: PlanContainer, nowMs: number): Step | null {
  if (!wish || wish.want === 'run' || wish.want === 'discard') return null
  const reason = wish.reason ?? `the master wants ${wish.want}`
  if (wish.want === 'kill') return { kind: 'terminate', alloc, containerId: container.id, signal: 'SIGKILL', reason }
  if (wish.want === 'preempt' && row.stopAt === null) {
    if (row.preemptAt === null) return { kind: 'preempt', alloc, reason }
    if (nowMs < row.preemptAt + row.preemptSeconds * 1000) return null
    return { kind: 'terminate', alloc, containerId: container.id, signal: 'SIGTERM', reason: `${reason}; it did not save and stop within ${row.preemptSeconds} s` }
  }
  if (row.stopAt === null) return { kind: 'terminate', alloc, containerId: container.id, signal: 'SIGTERM', reason }
  if (nowMs < row.stopAt + row.stopGraceSeconds * 1000) return null
  return { kind: 'terminate', alloc, containerId: container.id, signal: 'SIGKILL', reason: `${reason}; it did not end within ${row.stopGraceSeconds} s of SIGTERM` }
}
