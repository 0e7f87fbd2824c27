import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { AgentEvent, NewAgentEvent } from '../../protocol/wire/events.ts'

/**
 * The agent's disk: what it intended, before it did it, and what the master has yet to commit. One SQLite file,
 * synchronous FULL; every call returns after the commit. Rebuildable from Docker's labels and the master.
 */
export interface Journal {
  /** Life number: 1 at first, raised whenever the file had to be made anew. */
  readonly inc: number
  allocations(): JournalAllocation[]
  allocation(alloc: string): JournalAllocation | null
  putAllocation(row: JournalAllocation): void
  removeAllocation(alloc: string): void
  /** Highest epoch ever accepted for the task; 0 = none. A start with a lower or equal one is refused. */
  highestEpoch(task: string): number
  checkpoints(alloc: string): JournalCheckpoint[]
  putCheckpoint(row: JournalCheckpoint): void
  /** Cursor of a file the agent follows (metrics), byte offset; 0 when unknown. */
  fileCursor(alloc: string): number
  getMeta(key: string): string | null
  setMeta(key: string, value: string): void
  /** Several writes, one commit. */
  transaction<T>(body: (tx: JournalTransaction) => T): T
  outbox: Outbox
}

export interface JournalTransaction {
  putAllocation(row: JournalAllocation): void
  putCheckpoint(row: JournalCheckpoint): void
  setFileCursor(alloc: string, offset: number): void
  setMeta(key: string, value: string): void
  /** `later`: the sender is not woken, another entry follows in a moment and takes it along */
  append(event: NewAgentEvent, later?: boolean): void
}

/** Phase is the last durable step taken; the executor looks at Docker for what came of a step under way. */
export interface JournalAllocation {
  alloc: string
  epoch: number
  specDigest: string
  spec: AllocationSpec
  phase: 'accepted' | 'restored' | 'created' | 'started' | 'exited' | 'drained'
  containerId: string | null
  preemptAt: number | null
  stopAt: number | null
  acceptedAt: number
  /** of a gang: where this member is reached; absent until it is chosen */
  /** of a gang: where all its members are, since the container was made */
  peers?: readonly { rank: number; address: string; port: number }[]
  place?: { network: 'host' | 'bridge'; address: string; port: number; gatewayPort: number; interface?: string }
}

export interface JournalCheckpoint {
  alloc: string
  uuid: string
  ordinal: number
  steps: number
  /** directory name: `step-<n>` below the checkpoint directory, of a reported one its uuid below the storage directory */
  directory: string
  state: 'declared' | 'uploaded' | 'failed'
  /** of one that came through the gateway, or that the master asks a member of a gang to close: then without the report's words. `part`: this member's files alone, the master makes the manifest */
  reported?: { createdAt: string; part: boolean; metadata?: Record<string, unknown>; resources?: Record<string, number> }
}

/** Append-only; `append` gives the seq and returns after fsync. Wakes the sender. */
export interface Outbox {
  append(event: NewAgentEvent): number
  /** Entries after `seq`, in order, at most `limit`. */
  after(seq: number, limit: number): AgentEvent[]
  /** Deletes entries up to and with `seq`: the master has committed them. */
  acknowledge(seq: number): void
  depth(): number
  onAppend(listener: () => void): void
}
