import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import type { Docker } from '../docker/door.ts'
import type { Journal, JournalAllocation } from '../journal/door.ts'
import type { Attendant } from './attendant.ts'
import type { Places } from './places.ts'
import type { Sandboxes } from './sandboxes.ts'

/** What every executor works with; built once in compose. The sets live as long as the process. */
export interface StepContext {
  journal: Journal
  docker: Docker
  attendant: Attendant
  sandboxes: Sandboxes
  places: Places
  blobs: Blobs
  agentId: string
  clusterId: string
  stateDir: string
  slots: () => readonly Slot[]
  /** allocations whose image is known to be present */
  imageReady: Set<string>
  /** names of images seen here in this life of the process; a create that finds one missing takes it out */
  imagesSeen: Set<string>
  /** the attendant is at work */
  attached: Set<string>
  /** answered for without a row (kept in the journal's meta) */
  refused: Refusals
  clock: Clock
  log: Log
}

/** Specs and model definitions of the master, by the SHA-256 of their bytes. */
export interface Blobs {
  /** Rejects with BlobError kind `unfit` where trying again cannot help. */
  fetch(digest: string, maxBytes: number, signal: AbortSignal): Promise<Buffer>
}

export class BlobError extends Error {
  override readonly name = 'BlobError'
}

export interface Refusals {
  has(alloc: string): boolean
  all(): ReadonlySet<string>
  add(alloc: string): void
  /** Forgets those that the master no longer names. */
  keepOnly(allocs: ReadonlySet<string>): void
}

/** The row a planned step is about. A step is planned from the row, and one step runs at a time: absence is a bug. */
export function rowOf(context: StepContext, alloc: string): JournalAllocation {
  const row = context.journal.allocation(alloc)
  if (row === null) throw new Error(`the journal has no row of ${alloc}`)
  return row
}
