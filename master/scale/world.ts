import type { InstanceState, Market, NoticeKind } from '../../protocol/words/instances.ts'
import type { PendingAllocation, ScheduleAgent } from '../schedule/world.ts'
import type { DryMark, PoolPolicy, PriceFact, TypeFacts } from './pool.ts'

/** All that the scale decider may know: one snapshot. Times are Unix milliseconds of the database's clock. */
export interface ScaleWorld {
  now: number
  pools: readonly ScalePool[]
  /** as the scheduler sees them, local ones too */
  agents: readonly ScheduleAgent[]
  pending: readonly PendingAllocation[]
  /** launch intents whose outcome is not known yet, and every instance that may cost money */
  launches: readonly ScaleLaunch[]
  instances: readonly ScaleInstance[]
}

export interface ScalePool {
  policy: PoolPolicy
  types: readonly TypeFacts[]
  dry: readonly DryMark[]
  prices: readonly PriceFact[]
  /** last call of RunInstances for this pool; null = never */
  lastCallAt: number | null
  /** least time between two calls */
  callMs: number
  /** boots in a row that never registered; the third pauses the pool. Resuming it sets them to 0 */
  strikes: number
  /** why it launches nothing until a person says so; null = it may */
  paused: string | null
  /** what people read about it now; a `tell` is decided only where it changes */
  note: string
}

/** An intent in state LAUNCHING: EC2 was, or may have been, asked for `count` instances in one call. */
export interface ScaleLaunch {
  launch: string
  pool: string
  type: string
  zone: string
  market: Market
  /** all or nothing (a gang) */
  gang: boolean
  count: number
  /** slots one of them will have */
  slots: number
  decidedAt: number
  /** null = the call was never begun, or broke off without an answer */
  calledAt: number | null
  /** code of EC2's last answer, which left the outcome open (throttled, a fault of its own); null = there was none */
  openCode: string | null
  /** allocations it was decided for */
  allocations: readonly string[]
}

export interface ScaleInstance {
  /** i-... */
  id: string
  launch: string
  pool: string
  type: string
  zone: string
  market: Market
  state: InstanceState
  /** slots it has, or will have as its type tells */
  slots: number
  gang: boolean
  /** instances that its launch asked for: a gang that lost one is given back */
  launchCount: number
  /** allocations its launch was decided for */
  allocations: readonly string[]
  launchedAt: number
  /** first heartbeat of its agent with an inventory; null = not yet */
  registeredAt: number | null
  /** allocations on it that are not SEALED (I8) */
  live: readonly string[]
  /** when the last of them was sealed, or its registration; null while it has live ones or is not registered */
  idleSince: number | null
  notice: NoticeKind | null
  retiringAt: number | null
  /** its agent answered that it holds nothing and takes nothing */
  drained: boolean
  /** its agent has been silent for so long; null = it never spoke */
  silentMs: number | null
}

/** One way to get a node: what a call of RunInstances names. Smaller index = tried earlier. */
export interface Offer {
  type: string
  subnet: string | null
  zone: string
  market: Market
  slots: number
  /** null = not known */
  perHour: number | null
}

export type ScaleDecision =
  | { kind: 'launch'; pool: string; offer: Offer; gang: boolean; count: number; allocations: readonly string[]; reason: string }
  /** the same call again with the same token: its outcome is not known */
  | { kind: 'call-again'; launch: string; reason: string }
  /** READY -> RETIRING: no new work from here on */
  | { kind: 'retire'; instance: string; reason: string }
  /** -> TERMINATING. `strike`: it booted and never registered */
  | { kind: 'terminate'; instance: string; strike: boolean; reason: string }
  /** nothing more is launched until a person resumes the pool */
  | { kind: 'pause'; pool: string; reason: string }
  /** the one sentence people read about the pool has changed; '' = nothing waits for EC2 */
  | { kind: 'tell'; pool: string; text: string }
