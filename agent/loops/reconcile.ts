import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { plan } from '../plan/plan.ts'
import type { StepKind } from '../plan/steps.ts'
import type { World } from '../plan/world.ts'
import type { StepContext } from '../steps/context.ts'
import { createStepRunner } from './run-steps.ts'
import { loadWorld, type ContainerView } from './world.ts'

export interface ReconcileDeps {
  context: StepContext
  desired: () => readonly Desired[]
  retiring: () => boolean
  view: ContainerView
  /** what the agent holds may have changed */
  onStep: () => void
  random: () => number
  signal: AbortSignal
}

const SWEEP_MS = 1_000
/** Steps after which Docker is as it was listed. */
const LEAVE_DOCKER: readonly StepKind[] = ['accept', 'refuse', 'ensure-image', 'restore']

/**
 * Load the world, plan, carry out. One step an allocation at a time, those of different allocations side by side, slow
 * ones never in the way. Ends when `signal` aborted and every step has come back.
 */
export function startReconcile(deps: ReconcileDeps): Loop & { underWay(): number } {
  const { context, view } = deps
  let dirty = true
  let timed = false
  const runner = createStepRunner({ context, random: deps.random, signal: deps.signal, onDone: (kind) => {
    if (!LEAVE_DOCKER.includes(kind)) view.markStale()
    deps.onStep()
    wake()
  } })
  const loop = startLoop({ name: 'reconcile', sweepMs: SWEEP_MS, pass, signal: deps.signal, clock: context.clock, random: deps.random, log: context.log })
  const wake = (): void => {
    dirty = true
    loop.wake()
  }
  return { wake, underWay: () => runner.underWay().size, ended: loop.ended.then(() => runner.settled()) }

  async function pass(): Promise<void> {
    // the sweep costs nothing while nothing has changed and no deadline runs
    if (!dirty && !timed && !view.isStale(context.clock.monotonicMs())) return
    dirty = false
    try {
      const desired = deps.desired()
      context.refused.keepOnly(new Set(desired.map((want) => want.alloc)))
      const loaded = await loadWorld(context, desired, runner.underWay(), view)
      // read in the turn in which the steps are taken: what `isDrained` counts is then never behind the plan
      const world = { ...loaded, retiring: deps.retiring() }
      timed = hasDeadline(world) || runner.hasPauses()
      for (const step of plan(world)) runner.take(step)
    } catch (error) {
      dirty = true
      throw error
    }
  }
}

/** A run that was asked to stop has a deadline that no event announces. */
function hasDeadline(world: World): boolean {
  return world.rows.some((row) => row.phase === 'started' && (row.preemptAt !== null || row.stopAt !== null))
}
