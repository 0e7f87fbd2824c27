import type { Held, Inventory, Slot } from '../../protocol/wire/heartbeat.ts'
import type { AllocationState } from '../../protocol/words/states.ts'
import type { SeenContainer } from '../docker/engine.ts'
import type { JournalAllocation } from '../journal/door.ts'

const STATE_OF: Readonly<Record<JournalAllocation['phase'], AllocationState>> = { accepted: 'PULLING', restored: 'STARTING', created: 'STARTING', started: 'RUNNING', exited: 'DRAINING', drained: 'DRAINING' }

/** Journal and Docker together: what the agent holds, also containers that only Docker knows. Sorted, so that the hash is stable. */
export function heldOf(journal: readonly JournalAllocation[], containers: readonly SeenContainer[]): Held[] {
  const known = new Map<string, Held>(journal.map((row) => [row.alloc, { alloc: row.alloc, state: STATE_OF[row.phase], ...(row.containerId ? { containerId: row.containerId } : {}) }]))
  for (const container of containers) {
    if (known.has(container.alloc) || !/^[A-Za-z0-9_-]{1,64}\.[1-9][0-9]{0,8}$/.test(container.alloc)) continue
    known.set(container.alloc, { alloc: container.alloc, state: container.running ? 'RUNNING' : 'DRAINING', containerId: container.id })
  }
  return [...known.values()].toSorted((a, b) => (a.alloc < b.alloc ? -1 : 1))
}

export function inventoryOf(facts: Omit<Inventory, 'held' | 'diskFreeMib' | 'slots' | 'docker'>, now: { docker: string; slots: readonly Slot[]; diskFreeMib: number; held: Held[] }): Inventory {
  return { ...facts, docker: now.docker, slots: [...now.slots], diskFreeMib: now.diskFreeMib, held: now.held }
}
