import { backoffMs } from '../../protocol/kit/backoff.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Desired } from '../../protocol/wire/heartbeat.ts'
import type { SeenContainer } from '../docker/engine.ts'
import { plan, type PlanWorld } from '../plan/plan.ts'
import { execute, type StepDeps } from '../steps/execute.ts'

export interface ReconcileDeps extends StepDeps {
  desired: () => readonly Desired[]
  /** what Docker showed last, for the inventory */
  onSeen: (containers: readonly SeenContainer[]) => void
  /** a step has changed what this agent holds */
  onStep: () => void
  random: () => number
  signal: AbortSignal
}

const SWEEP_MS = 2_000

/**
 * Load the world, plan, carry out: at most one step of an allocation at a time, those of different allocations side by
 * side. A failed step is tried again with backoff; the next round looks at the world anew.
 */
export function startReconcile(deps: ReconcileDeps): Loop {
  const busy = new Set<string>()
  const failures = new Map<string, number>()
  const loop = startLoop({ name: 'reconcile', sweepMs: SWEEP_MS, pass, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  void watchDocker(deps, loop)
  return loop

  async function pass(): Promise<void> {
    const world = await load(deps, busy)
    for (const step of plan(world)) {
      if (step.kind === 'refuse' && deps.refused.has(step.alloc)) continue
      busy.add(step.alloc)
      deps.log.debug({ step: step.kind, alloc: step.alloc, reason: step.reason }, 'step')
      void execute(deps, step, deps.signal)
        .then(
          () => failures.delete(step.alloc),
          async (error: unknown) => {
            const failed = (failures.get(step.alloc) ?? 0) + 1
            failures.set(step.alloc, failed)
            deps.log.warn({ step: step.kind, alloc: step.alloc, failed, err: error }, 'step failed, will be tried again')
            await deps.clock.sleep(backoffMs(failed, deps.random, { baseMs: 200, capMs: 10_000, floorMs: 50 }), deps.signal)
          },
        )
        .finally(() => {
          busy.delete(step.alloc)
          deps.onStep()
          loop.wake()
        })
    }
  }
}

async function load(deps: ReconcileDeps, busy: ReadonlySet<string>): Promise<PlanWorld> {
  const containers = await deps.engine.list()
  deps.onSeen(containers)
  const desired = deps.desired()
  const tasks = new Set(desired.map((wish) => wish.alloc.slice(0, wish.alloc.lastIndexOf('.'))))
  return {
    desired,
    containers,
    journal: deps.journal.allocations().map((row) => ({ ...row, preemptSeconds: row.spec.preemptSeconds, stopGraceSeconds: row.spec.stopGraceSeconds, attached: deps.attached.has(row.alloc) })),
    epochs: Object.fromEntries([...tasks].map((task) => [task, deps.journal.highestEpoch(task)])),
    busy: new Set(busy),
    nowMs: deps.clock.wallMs(),
  }
}

/** Docker's events are a hint; the sweep is the truth. */
async function watchDocker(deps: ReconcileDeps, loop: Loop): Promise<void> {
  while (!deps.signal.aborted) {
    await deps.engine.watch(() => loop.wake(), deps.signal).catch((error: unknown) => deps.log.warn({ err: error }, 'the event stream of Docker broke, will be opened again'))
    loop.wake()
    await deps.clock.sleep(1_000, deps.signal)
  }
}
