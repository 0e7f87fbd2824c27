import type { Desired } from '../../protocol/wire/heartbeat.ts'
import type { AllocationRow } from './row.ts'
import type { StepKind } from './steps.ts'

/** A container that carries this agent's labels, as Docker lists it. */
export interface ObservedContainer {
  id: string
  /** without the leading slash */
  name: string
  alloc: string
  /** `running` includes paused and restarting; `exited` includes dead and being removed */
  status: 'created' | 'running' | 'exited'
  /** from its label: they are taken also where the journal has lost the row */
  slots: readonly string[]
}

/** A network sandbox of this agent, as Docker lists it; by its name one knows whose it is (`sandbox-name.ts`). */
export interface ObservedSandbox {
  id: string
  name: string
  running: boolean
}

/**
 * All that a plan is made from. Containers were listed after the rows were read, so that a row is never newer than
 * the list: a missing container is then a fact. An allocation whose row may be changing is in `busy`.
 */
export interface World {
  /** Unix milliseconds */
  now: number
  desired: readonly Desired[]
  /** the instance goes: nothing new is accepted, what is here goes on */
  retiring: boolean
  rows: readonly AllocationRow[]
  containers: readonly ObservedContainer[]
  /** listed in the same call */
  sandboxes: readonly ObservedSandbox[]
  /** name of the one that is ready for the next run: never swept */
  spareSandbox: string
  /** the step under way, by allocation: one at a time */
  busy: ReadonlyMap<string, StepKind>
  /** the attendant is at work for these, in this life of the process */
  attached: ReadonlySet<string>
  /** image known to be present, in this life of the process */
  imageReady: ReadonlySet<string>
  /** answered for without a row; never started */
  refused: ReadonlySet<string>
  /** checkpoints in the journal, of allocations that the master wants parts of */
  closed: ReadonlySet<string>
  /** highest epoch ever accepted, by task */
  highestEpoch: ReadonlyMap<string, number>
}

/** One allocation, with everything the world says of it. */
export interface Subject {
  alloc: string
  want: Desired | null
  row: AllocationRow | null
  container: ObservedContainer | null
}
