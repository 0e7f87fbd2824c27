import { sandboxName, sandboxNameOf } from './sandbox-name.ts'
import type { Step } from './steps.ts'
import type { World } from './world.ts'

/**
 * Sandboxes that belong to no row, no container and no next run: what a kill -9 or a lost journal leaves. A row is there
 * before its sandbox and goes after it, so one without either is nobody's. The spare one is its own loop's.
 */
export function planSweep(world: World): Step[] {
  // a probe of the host's network lives for the length of that step
  const probing = [...world.busy.values()].includes('rendezvous')
  const owned = new Set([...world.rows.map((row) => sandboxName(row.spec)), ...world.containers.map((container) => sandboxNameOf(container.name))])
  return world.sandboxes
    .filter((sandbox) => !owned.has(sandbox.name) && !world.busy.has(sandbox.name) && sandbox.name !== world.spareSandbox && !probing)
    .map((sandbox): Step => ({ kind: 'sweep', alloc: sandbox.name, sandboxId: sandbox.id, reason: 'a network sandbox that nothing uses' }))
    .sort((a, b) => (a.alloc < b.alloc ? -1 : 1))
}
