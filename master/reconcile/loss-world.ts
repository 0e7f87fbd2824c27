import type { InstanceState } from '../../protocol/words/instances.ts'

/** All that may be known when agents are declared lost: one snapshot. Times are Unix milliseconds of the database's clock. */
export interface LossWorld {
  now: number
  /** an agent silent for so long is LOST */
  lostMs: number
  /** for so long without a break has this master's own word come back over NATS, and Postgres answered */
  canaryHealthyForMs: number
  /** since its last word: whether the master has been deaf after it is not known yet */
  canaryLastWordMs: number
  masterUpForMs: number
  agents: readonly LossAgent[]
  brake: Brake
}

export interface LossAgent {
  id: string
  /** since it was last heard; null = never */
  silentMs: number | null
  /** null = it is not lost */
  lostAt: number | null
  /** allocations that are not SEALED with a member there */
  live: readonly string[]
  /** null = a machine of its own, EC2 knows nothing of it */
  instance: LossInstance | null
}

export interface LossInstance {
  state: InstanceState
  /** why it is in this state, in EC2's words where they are known; '' = not known */
  reason: string
  /** EC2 knows it and does not end it */
  ec2Running: boolean
}

export interface Brake {
  /** agents that fell silent together; null = the brake is off */
  on: readonly string[] | null
  /** how it went off last, as long as somebody is silent since before that; null = nobody is */
  off: { at: number; byPerson: boolean } | null
}

export type LossDecision =
  /**
   * on: nobody is lost by silence. off: half of `agents` are back. over: nobody is silent any more since before it went
   * off. `agents` = those it is about.
   */
  | { kind: 'brake'; to: 'on' | 'off' | 'over'; agents: readonly string[]; reason: string }
  /** its members are lost, its instance is ended */
  | { kind: 'lose'; agent: string; reason: string }
  /** its instance is gone and it holds nothing: nobody speaks of it any more */
  | { kind: 'retire-agent'; agent: string; reason: string }
