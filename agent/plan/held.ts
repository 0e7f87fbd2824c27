import type { Held } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { AllocationRow } from './row.ts'
import type { ObservedContainer } from './world.ts'

const HELD_MAX = 1024
const STATES = {
  accepted: 'PULLING', restored: 'RESTORING', created: 'STARTING', started: 'RUNNING', exited: 'DRAINING', drained: 'DRAINING',
} as const satisfies Record<AllocationRow['phase'], Held['state']>
const SEEN = { created: 'STARTING', running: 'RUNNING', exited: 'DRAINING' } as const satisfies Record<ObservedContainer['status'], Held['state']>

/** What the inventory says of allocations: the journal's, and containers with our label that it does not know (left alone until `discard`). */
export function heldOf(rows: readonly AllocationRow[], containers: readonly ObservedContainer[]): Held[] {
  const held = new Map<string, Held>()
  for (const { alloc, status, id } of containers) if (parseAllocationId(alloc)) held.set(alloc, { alloc, state: SEEN[status], containerId: id })
  for (const row of rows) held.set(row.alloc, { alloc: row.alloc, state: STATES[row.phase], ...(row.containerId === null ? {} : { containerId: row.containerId }) })
  return [...held.values()].sort((a, b) => (a.alloc < b.alloc ? -1 : 1)).slice(0, HELD_MAX)
}
