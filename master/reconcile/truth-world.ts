import type { InstanceState, Market } from '../../protocol/words/instances.ts'

/** What EC2 says of one instance. Time: Unix milliseconds. */
export interface SeenInstance {
  id: string
  /** id of the launch it was made for, by its tag; null = it has no such tag */
  launch: string | null
  type: string
  zone: string
  market: Market
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'
  stateReason: string
  launchedAt: number
  privateIp: string | null
}

/** A row: every open one of the region, and those GONE that EC2 still names. */
export interface TruthRow {
  id: string
  launch: string
  state: InstanceState
  privateIp: string | null
  /** lists in a row that did not name it, and since when */
  missed: number
  missedSince: number | null
}

/** Every open launch of the region, and those that tags name. */
export interface TruthLaunch {
  id: string
  state: 'LAUNCHING' | 'DONE' | 'FAILED'
  count: number
  /** its instances that have a row */
  rows: number
  decidedAt: number
  /** the list before this one named no instance of it either */
  missedBefore: boolean
}

/** An instance with our tag and no row, noted by an earlier pass. */
export interface TruthOrphan {
  id: string
  firstSeen: number
  /** when EC2 was last asked to end it */
  endedAt: number | null
}

/**
 * One region, EC2 asked first and the rows read after it. Times are Unix milliseconds of the database's clock.
 */
export interface TruthWorld {
  now: number
  listMs: number
  /** every instance with this cluster's tag; null = this pass asked by id only */
  listed: readonly SeenInstance[] | null
  /** asked by id, and which of them EC2 knows */
  asked: readonly string[]
  found: readonly SeenInstance[]
  rows: readonly TruthRow[]
  launches: readonly TruthLaunch[]
  orphans: readonly TruthOrphan[]
  /** open rows of the last pass with a list that are not known to have gone since; null = this is the first */
  openBefore: number | null
}

export type TruthDecision =
  /** -> GONE. `asked`: Drover wanted it; `unknown`: EC2 does not know it any more */
  | { kind: 'gone'; instance: string; cause: 'asked' | 'spot' | 'outside' | 'unknown'; reason: string }
  /** EC2 names it (again), here is its address */
  | { kind: 'seen'; instance: string; privateIp: string | null }
  /** this list did not name it */
  | { kind: 'missed'; instance: string }
  /** a row for an instance of our launch: the reply that named it was lost */
  | { kind: 'adopt'; seen: SeenInstance; launch: string }
  /** -> TERMINATING: it is stopped and would stay so */
  | { kind: 'end'; instance: string; reason: string }
  /** the outcome of an open launch, told by lists */
  | { kind: 'settle'; launch: string; state: 'DONE' | 'FAILED'; reason: string }
  | { kind: 'orphan'; instance: string; reason: string }
  | { kind: 'end-orphan'; instance: string; reason: string }
  | { kind: 'forget-orphan'; instance: string }
  /** the rows cannot be trusted: nothing is ended, a person is told */
  | { kind: 'halt'; reason: string }
