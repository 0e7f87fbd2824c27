import type { AllocationRow } from './row.ts'
import type { Step } from './steps.ts'
import type { Subject, World } from './world.ts'

/** The journal says started. Preemption becomes SIGTERM after its time, SIGTERM becomes SIGKILL after the grace. */
export function planLive(subject: Subject, row: AllocationRow, world: World): Step | null {
  const { alloc, container, want } = subject
  if (container === null) return { kind: 'vanished', alloc, reason: 'Docker no longer has the container' }
  if (container.status === 'exited') return { kind: 'exited', alloc, containerId: container.id, reason: 'the container has ended' }
  if (container.status === 'created') return { kind: 'start', alloc, reason: 'Docker has it as created' }
  const id = { alloc, containerId: container.id }
  const reason = want?.reason ?? `the master wants ${want?.want ?? 'nothing new'}`
  if (want?.want === 'kill') return { kind: 'kill', ...id, reason }
  if (row.stopAt !== null && world.now - row.stopAt >= row.spec.stopGraceSeconds * 1000) return { kind: 'kill', ...id, reason: `still running ${row.spec.stopGraceSeconds} s after SIGTERM` }
  if (!world.attached.has(alloc)) return { kind: 'attach', ...id, reason: 'running without its attendant' }
  if (row.stopAt !== null) return null
  if (want?.want === 'stop') return { kind: 'stop', ...id, reason }
  if (want?.want === 'preempt' && row.preemptAt === null) return { kind: 'preempt', alloc, reason }
  if (row.preemptAt !== null && world.now - row.preemptAt >= row.spec.preemptSeconds * 1000) return { kind: 'stop', ...id, reason: `still running ${row.spec.preemptSeconds} s after the request to save and stop` }
  return null
}
