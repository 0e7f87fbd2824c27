/** All that the scheduler may know. Made by the schedule loop from one snapshot; ids and `now` come ready-made. */
export interface ScheduleWorld {
  agents: readonly ScheduleAgent[]
  pending: readonly PendingAllocation[]
  /**
   * nodes that are launched and have not registered: a gang that needs them keeps the nodes which are already there.
   * Absent = none
   */
  coming?: readonly ComingNode[]
}

export interface ComingNode {
  pool: string
  slots: number
}

export interface ScheduleAgent {
  id: string
  pool: string
  /** by a person; a disabled agent gets no new work */
  enabled: boolean
  draining: boolean
  /** no heartbeat for a while: no new work */
  suspect: boolean
  /** its instance goes, or EC2 is about to take it: no new work */
  leaving: boolean
  /** availability zone; null where there is none. A gang stays in one where it can */
  zone: string | null
  /** enabled slots in the order of the inventory */
  slots: readonly ScheduleSlot[]
  /** live allocations without slots that it holds */
  aux: number
}

export interface ScheduleSlot {
  id: string
  busy: boolean
}

export interface PendingAllocation {
  allocation: string
  pool: string
  slots: number
  /** lower goes first */
  priority: number
  /** order of submission, ties of priority are broken by it: smaller goes first */
  order: number
}

export type ScheduleDecision =
  | { kind: 'assign'; allocation: string; members: readonly PlacedMember[]; reason: string }
  | { kind: 'wait'; allocation: string; reason: string }

/** One node's part. A gang has several, ranks 0..k-1 in the order of agent ids, each with the same number of slots. */
export interface PlacedMember {
  rank: number
  agent: string
  slots: readonly string[]
}
