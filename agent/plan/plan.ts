import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerName, isContainerNameOf } from './container-name.ts'
import { planLaunch } from './plan-launch.ts'
import { planLive } from './plan-live.ts'
import { planSweep } from './plan-sweep.ts'
import type { AllocationRow } from './row.ts'
import { sandboxName } from './sandbox-name.ts'
import type { Step, StepKind } from './steps.ts'
import type { ObservedContainer, Subject, World } from './world.ts'

/**
 * desired x journal x Docker -> at most one step an allocation. Same world, same steps, same order (I9); a world at
 * rest gives none (I10). Absence from `desired` means nothing: what runs goes on, what has not begun waits.
 */
export function plan(world: World): Step[] {
  const claims = new Set(liveSlots(world))
  const steps: Step[] = []
  for (const subject of subjectsOf(world)) {
    const step = planOne(subject, world, claims)
    if (step === null) continue
    if ((step.kind === 'create' || step.kind === 'start') && subject.row) subject.row.spec.slots.forEach((slot) => claims.add(slot))
    steps.push(step)
  }
  return [...steps, ...planSweep(world)]
}

function planOne(subject: Subject, world: World, claims: ReadonlySet<string>): Step | null {
  const { alloc, want, row } = subject
  const underWay = world.busy.get(alloc)
  if (underWay === 'accept' && world.retiring) return { kind: 'interrupt', alloc, reason: 'the instance is being retired' }
  if (underWay !== undefined) return planInterrupt(alloc, want, underWay)
  if (want?.want === 'discard') return planDiscard(subject, want, world)
  if (row === null) return want === null ? null : planUnknown(subject, want, world)
  const closing = planClose(want, row, world)
  if (closing !== null) return closing
  switch (row.phase) {
    case 'accepted':
    case 'restored':
    case 'created':
      return planLaunch(subject, row, world, claims)
    case 'started':
      return planLive(subject, row, world)
    case 'exited':
      return { kind: 'drain', alloc, reason: 'the container is gone' }
    case 'drained':
      return null
  }
}

/** Also after the end: what the member wrote lies on this host until the discard. */
function planClose(want: Desired | null, row: AllocationRow, world: World): Step | null {
  if (row.phase !== 'started' && row.phase !== 'exited' && row.phase !== 'drained') return null
  const checkpoints = want?.close?.filter(({ uuid }) => !world.closed.has(uuid)) ?? []
  return checkpoints.length === 0 ? null : { kind: 'close', alloc: row.alloc, checkpoints, reason: 'another member of the gang has reported a checkpoint' }
}

const LAUNCHING: readonly StepKind[] = ['accept', 'adopt', 'ensure-image', 'restore', 'rendezvous', 'create']

function planInterrupt(alloc: string, want: Desired | null, underWay: StepKind): Step | null {
  if (want === null || want.want === 'run') return null
  const discarded = want.want === 'discard' && underWay === 'drain'
  if (!discarded && !LAUNCHING.includes(underWay)) return null
  return { kind: 'interrupt', alloc, reason: want.reason ?? `the master wants ${want.want}` }
}

function planDiscard({ alloc, row }: Subject, want: Desired, world: World): Step | null {
  const containerIds = world.containers.filter((container) => container.alloc === alloc).map((container) => container.id)
  if (row === null && containerIds.length === 0) return null
  const name = row === null ? null : sandboxName(row.spec)
  const sandboxIds = world.sandboxes.filter((sandbox) => sandbox.name === name).map((sandbox) => sandbox.id)
  return { kind: 'discard', alloc, containerIds, sandboxIds, reason: want.reason ?? 'sealed' }
}

/** Wanted, but not in the journal: new, or the journal was lost, or it must never start here again (I3). */
function planUnknown({ alloc, container }: Subject, want: Desired, world: World): Step | null {
  const id = parseAllocationId(alloc)
  if (id === null || world.refused.has(alloc)) return null
  if (want.spec === undefined) return { kind: 'refuse', alloc, exit: 'agent-error', reason: 'the desired state names no spec' }
  if (container !== null) {
    // one that was only created may lack its model definition: it is filled again
    const phase = container.status === 'created' ? 'restored' : 'started'
    return { kind: 'adopt', alloc, epoch: id.epoch, specDigest: want.spec, containerId: container.id, phase, reason: 'found in Docker, missing in the journal' }
  }
  if (want.want !== 'run') return { kind: 'refuse', alloc, exit: 'stopped', reason: want.reason ?? `the master wants ${want.want} and it was never started here` }
  const highest = world.highestEpoch.get(id.task) ?? 0
  if (id.epoch <= highest) return { kind: 'refuse', alloc, exit: 'agent-error', reason: `epoch ${id.epoch} of ${id.task} is not above ${highest}, which this agent has accepted before` }
  if (world.retiring) return null
  return { kind: 'accept', alloc, epoch: id.epoch, specDigest: want.spec, reason: 'new' }
}

function subjectsOf(world: World): Subject[] {
  const wants = new Map(world.desired.map((want) => [want.alloc, want]))
  const rows = new Map(world.rows.map((row) => [row.alloc, row]))
  const allocs = [...new Set([...wants.keys(), ...rows.keys()])].sort()
  return allocs.map((alloc) => {
    const row = rows.get(alloc) ?? null
    const own = world.containers.filter((container) => container.alloc === alloc)
    return { alloc, want: wants.get(alloc) ?? null, row, container: pick(own, alloc, row) }
  })
}

/** A container that only borrows our label is nobody's: it must have the journalled id or the deterministic name. */
function pick(own: readonly ObservedContainer[], alloc: string, row: AllocationRow | null): ObservedContainer | null {
  const byId = own.find((container) => container.id === row?.containerId)
  const byName = own.find((container) => (row ? container.name === containerName(row.spec) : isContainerNameOf(alloc, container.name)))
  return byId ?? byName ?? null
}

/** Slots in a live container, or about to be (I1). */
function liveSlots(world: World): string[] {
  const launching = (alloc: string): boolean => ['create', 'start', 'record-started'].includes(world.busy.get(alloc) ?? '')
  const launched = world.rows.filter((row) => launching(row.alloc)).flatMap((row) => row.spec.slots)
  return [...launched, ...world.containers.filter((container) => container.status === 'running').flatMap((container) => container.slots)]
}
