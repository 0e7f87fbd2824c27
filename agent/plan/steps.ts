import type { Closing, Peer } from '../../protocol/wire/heartbeat.ts'
import type { ExitKind } from '../../protocol/words/failures.ts'

/**
 * What the agent does next for one allocation. Data only; `agent/steps/table.ts` holds the executor of each kind
 * and fails to compile where one is missing. `reason` is for people: log and, where it matters, the task log.
 */
export type Step =
  /** journal the intent, before anything is done */
  | { kind: 'accept'; alloc: string; epoch: number; specDigest: string; reason: string }
  /** answer for an allocation that will never be started here */
  | { kind: 'refuse'; alloc: string; exit: ExitKind; reason: string }
  /** the journal was lost, Docker still has the container */
  | { kind: 'adopt'; alloc: string; epoch: number; specDigest: string; containerId: string; phase: 'restored' | 'started'; reason: string }
  | { kind: 'ensure-image'; alloc: string; reason: string }
  | { kind: 'restore'; alloc: string; reason: string }
  /** of a gang: choose where this member is reached, and tell the master */
  | { kind: 'rendezvous'; alloc: string; reason: string }
  | { kind: 'create'; alloc: string; peers?: readonly Peer[]; reason: string }
  /** the network that the container was made for is gone before its start: it is made again */
  | { kind: 'recreate'; alloc: string; reason: string }
  | { kind: 'start'; alloc: string; reason: string }
  /** Docker says it runs, the journal does not yet */
  | { kind: 'record-started'; alloc: string; containerId: string; reason: string }
  | { kind: 'attach'; alloc: string; containerId: string; reason: string }
  | { kind: 'preempt'; alloc: string; reason: string }
  /** SIGTERM */
  | { kind: 'stop'; alloc: string; containerId: string; reason: string }
  /** SIGKILL */
  | { kind: 'kill'; alloc: string; containerId: string; reason: string }
  | { kind: 'exited'; alloc: string; containerId: string; reason: string }
  | { kind: 'vanished'; alloc: string; reason: string }
  /** ended before a container ran */
  | { kind: 'abandon'; alloc: string; exit: ExitKind; reason: string }
  /** of a gang: send this member's part of what another one reported */
  | { kind: 'close'; alloc: string; checkpoints: readonly Closing[]; reason: string }
  | { kind: 'drain'; alloc: string; reason: string }
  /** remove container, sandbox, files and journal row */
  | { kind: 'discard'; alloc: string; containerIds: readonly string[]; sandboxIds: readonly string[]; reason: string }
  /** a sandbox that belongs to nothing; `alloc` is its name, there being no allocation */
  | { kind: 'sweep'; alloc: string; sandboxId: string; reason: string }
  /** abort the step under way: what was wanted has changed */
  | { kind: 'interrupt'; alloc: string; reason: string }

export type StepKind = Step['kind']
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>
