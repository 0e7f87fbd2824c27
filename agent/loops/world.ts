import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { Docker } from '../docker/door.ts'
import type { StepKind } from '../plan/steps.ts'
import { spareName } from '../plan/sandbox-name.ts'
import type { ObservedContainer, ObservedSandbox, World } from '../plan/world.ts'
import type { StepContext } from '../steps/context.ts'

/** Containers as last listed. Asked again when an event or a step says so, and by age: events are only a hint. */
export interface ContainerView {
  /** as of the last `fresh` */
  last(): readonly ObservedContainer[]
  markStale(): void
  isStale(nowMs: number): boolean
  fresh(nowMs: number): Promise<Survey>
}
interface Survey {
  readonly containers: readonly ObservedContainer[]
  readonly sandboxes: readonly ObservedSandbox[]
}

const AGE_MAX_MS = 10_000

export function openContainerView(docker: Pick<Docker, 'survey'>): ContainerView {
  let seen: Survey = { containers: [], sandboxes: [] }
  let listedAt = Number.NEGATIVE_INFINITY
  let stale = true
  const isStale = (nowMs: number): boolean => stale || nowMs - listedAt >= AGE_MAX_MS
  return {
    last: () => seen.containers,
    markStale: () => void (stale = true),
    isStale,
    fresh: async (nowMs) => {
      if (!isStale(nowMs)) return seen
      // before the call: what happens while Docker answers must make it stale again
      stale = false
      try {
        seen = await docker.survey()
      } catch (error) {
        stale = true
        throw error
      }
      listedAt = nowMs
      return seen
    },
  }
}

/** One snapshot. Rows and `busy` first, containers after them: a row is then never newer than the list (see World). */
export async function loadWorld(context: StepContext, desired: readonly Desired[], under: ReadonlyMap<string, StepKind>, view: ContainerView): Promise<Omit<World, 'retiring'>> {
  const busy = new Map(under)
  const rows = context.journal.allocations()
  const highestEpoch = new Map<string, number>()
  for (const { alloc } of [...desired, ...rows]) {
    const task = parseAllocationId(alloc)?.task
    if (task !== undefined) highestEpoch.set(task, context.journal.highestEpoch(task))
  }
  const closed = new Set(desired.filter((want) => want.close !== undefined).flatMap((want) => context.journal.checkpoints(want.alloc).map((row) => row.uuid)))
  const [attached, imageReady, refused] = [new Set(context.attached), new Set(context.imageReady), new Set(context.refused.all())]
  const { containers, sandboxes } = await view.fresh(context.clock.monotonicMs())
  return { now: context.clock.wallMs(), desired, rows, containers, sandboxes, spareSandbox: spareName(context.agentId, context.clusterId), busy, attached, imageReady, refused, highestEpoch, closed }
}
