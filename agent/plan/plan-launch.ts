import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { AllocationRow } from './row.ts'
import { sandboxName } from './sandbox-name.ts'
import type { Step } from './steps.ts'
import { peersComplete } from './wiring.ts'
import type { Subject, World } from './world.ts'

/** Accepted, no container has run as far as the journal knows. Docker's word comes before the journal's. */
export function planLaunch(subject: Subject, row: AllocationRow, world: World, claims: ReadonlySet<string>): Step | null {
  const { alloc, container, want } = subject
  if (container?.status === 'running') return { kind: 'record-started', alloc, containerId: container.id, reason: 'Docker runs it, the journal says not yet' }
  if (container?.status === 'exited') return { kind: 'exited', alloc, containerId: container.id, reason: 'ended before its start was journalled' }
  if (row.phase === 'created' && container === null) return { kind: 'vanished', alloc, reason: 'the container was removed before its start' }
  if (want === null) return null
  if (want.want !== 'run') return abandon(alloc, want.want === 'preempt' ? 'preempted' : 'stopped', want.reason ?? `the master wants ${want.want}`)
  if (isOvertaken(alloc, world)) return abandon(alloc, 'stopped', 'a newer attempt of the task has been accepted')
  if (row.phase === 'created') {
    if (!hasNetwork(row, world)) return { kind: 'recreate', alloc, reason: 'its network sandbox is gone' }
    return hasRoom(subject, row, world, claims) ? { kind: 'start', alloc, reason: 'created' } : null
  }
  if (!world.imageReady.has(alloc)) return { kind: 'ensure-image', alloc, reason: row.spec.forcePull ? 'the spec asks to pull' : 'not looked at yet' }
  if (row.phase === 'accepted' && row.spec.restore !== null) return { kind: 'restore', alloc, reason: `from checkpoint ${row.spec.restore.uuid}` }
  if (row.spec.worldSize === 1) return hasRoom(subject, row, world, claims) ? { kind: 'create', alloc, reason: 'everything is at hand' } : null
  if (row.place === undefined) return { kind: 'rendezvous', alloc, reason: `rank ${row.spec.rank} of ${row.spec.worldSize} is ready` }
  if (want.peers === undefined || !peersComplete(row.spec, want.peers)) return null
  return hasRoom(subject, row, world, claims) ? { kind: 'create', alloc, peers: want.peers, reason: 'every member has its place' } : null
}

/** A container joins the network of its sandbox at its start. */
function hasNetwork(row: AllocationRow, world: World): boolean {
  if (row.place?.network === 'host') return true
  const name = sandboxName(row.spec)
  return world.sandboxes.some((sandbox) => sandbox.name === name && sandbox.running)
}

function abandon(alloc: string, exit: 'preempted' | 'stopped', reason: string): Step {
  return { kind: 'abandon', alloc, exit, reason }
}

function isOvertaken(alloc: string, world: World): boolean {
  const id = parseAllocationId(alloc)
  return id !== null && (world.highestEpoch.get(id.task) ?? 0) > id.epoch
}

/** No slot of it is in another live container (I1): the other's end is waited for. */
function hasRoom(subject: Subject, row: AllocationRow, world: World, claims: ReadonlySet<string>): boolean {
  const mine = world.containers.some((container) => container.alloc === subject.alloc && container.status === 'running')
  return !mine && !row.spec.slots.some((slot) => claims.has(slot))
}
