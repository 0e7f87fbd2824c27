import type { AllocationSpec } from '../../protocol/wire/spec.ts'

/** What the decider reads of a journal row (`agent/journal/door.ts` says what each means). */
export interface AllocationRow {
  alloc: string
  spec: AllocationSpec
  phase: 'accepted' | 'restored' | 'created' | 'started' | 'exited' | 'drained'
  containerId: string | null
  preemptAt: number | null
  stopAt: number | null
}
