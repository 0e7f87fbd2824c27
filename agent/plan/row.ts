import type { AllocationSpec } from '../../protocol/wire/spec.ts'

/** What the decider reads of a journal row (`agent/journal/door.ts` says what each means). */
export interface AllocationRow {
  alloc: string
  spec: AllocationSpec
  phase: 'accepted' | 'restored' | 'created' | 'started' | 'exited' | 'drained'
  containerId: string | null
  preemptAt: number | null
  stopAt: number | null
  /** of a gang; absent until it is chosen */
  place?: Place
}

/** Where a member of a gang is reached by the others, and which network its container gets. Told to the master once. */
export interface Place {
  network: 'host' | 'bridge'
  address: string
  port: number
  /** of its gateway, on 127.0.0.1 as the run sees it */
  gatewayPort: number
  /** of the host's network, the one with the address; absent where none has it */
  interface?: string
}
