import { backoffMs } from '../../protocol/kit/backoff.ts'
import { DockerError } from '../docker/errors.ts'
import type { Step, StepKind } from '../plan/steps.ts'
import type { StepContext } from '../steps/context.ts'
import { failLaunch } from '../steps/exit.ts'
import { note } from '../steps/note.ts'
import { execute } from '../steps/table.ts'

export interface StepRunner {
  /** Begins the step, unless it is pausing after a failure; `interrupt` aborts the one under way. */
  take(step: Step): void
  underWay(): ReadonlyMap<string, StepKind>
  hasPauses(): boolean
  /** Resolves when no step is under way any more. */
  settled(): Promise<void>
}

interface Failures {
  kind: StepKind
  count: number
  /** monotonic milliseconds */
  until: number
}

/** Docker's own failures to launch are given this many tries (about a minute), then the allocation goes back to the master. */
const LAUNCH_TRIES = 10
const LAUNCH_STEPS: readonly StepKind[] = ['ensure-image', 'create', 'start']
const TOLD_EVERY = 10

export function createStepRunner(deps: { context: StepContext; random: () => number; signal: AbortSignal; onDone: (kind: StepKind) => void }): StepRunner {
  const { context } = deps
  const running = new Map<string, { kind: StepKind; controller: AbortController; done: Promise<void> }>()
  const failures = new Map<string, Failures>()
  deps.signal.addEventListener('abort', () => running.forEach(({ controller }) => controller.abort()), { once: true })
  return {
    take: (step) => {
      if (deps.signal.aborted) return
      if (step.kind === 'interrupt') return running.get(step.alloc)?.controller.abort()
      const failed = failures.get(step.alloc)
      if (failed?.kind === step.kind && context.clock.monotonicMs() < failed.until) return
      const controller = new AbortController()
      context.log.debug({ alloc: step.alloc, step: step.kind, reason: step.reason }, 'step begins')
      // on the next turn of the event loop: the entry in `running` must stand before the step can end
      const done = Promise.resolve().then(() => run(step, controller.signal))
      running.set(step.alloc, { kind: step.kind, controller, done })
    },
    underWay: () => new Map([...running].map(([alloc, { kind }]) => [alloc, kind])),
    hasPauses: () => failures.size > 0,
    settled: async () => void (await Promise.all([...running.values()].map(({ done }) => done))),
  }

  async function run(step: Exclude<Step, { kind: 'interrupt' }>, signal: AbortSignal): Promise<void> {
    let next: Exclude<Step, { kind: 'interrupt' }> | null = null
    try {
      next = await execute(context, step, signal)
      failures.delete(step.alloc)
    } catch (error) {
      if (!signal.aborted) recordFailure(step, error)
    }
    if (next !== null && !signal.aborted) return follow(next)
    running.delete(step.alloc)
    deps.onDone(step.kind)
  }

  /** Under its own name: a plan made from here on sees the start under way, and does not break it off. */
  async function follow(step: Exclude<Step, { kind: 'interrupt' }>): Promise<void> {
    const entry = running.get(step.alloc)
    if (entry === undefined) throw new Error(`${step.kind} of ${step.alloc} follows nothing`)
    const controller = new AbortController()
    context.log.debug({ alloc: step.alloc, step: step.kind, reason: step.reason }, 'step follows')
    running.set(step.alloc, { kind: step.kind, controller, done: entry.done })
    await run(step, controller.signal)
  }

  function recordFailure(step: Exclude<Step, { kind: 'interrupt' }>, error: unknown): void {
    const before = failures.get(step.alloc)
    const count = before?.kind === step.kind ? before.count + 1 : 1
    const pauseMs = backoffMs(count, deps.random, { baseMs: 100, capMs: 10_000, floorMs: 50 })
    failures.set(step.alloc, { kind: step.kind, count, until: context.clock.monotonicMs() + pauseMs })
    context.log.warn({ alloc: step.alloc, step: step.kind, count, err: error }, 'step failed, will be tried again')
    try {
      answerFailure(step, count, error)
    } catch (journalError) {
      context.log.error({ alloc: step.alloc, err: journalError }, 'the journal cannot be written')
    }
  }

  /** Tells the task log now and then; gives a launch back that Docker keeps failing. */
  function answerFailure(step: Step, count: number, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    const row = context.journal.allocation(step.alloc)
    const dockers = error instanceof DockerError && error.kind !== 'unreachable' && error.kind !== 'timeout'
    if (row !== null && dockers && LAUNCH_STEPS.includes(step.kind) && count >= LAUNCH_TRIES) return failLaunch(context, row, 'agent-error', `step ${step.kind} failed ${count} times, last with: ${text}`)
    if (row !== null && count % TOLD_EVERY === 3) note(context, step.alloc, 'WARNING', `step ${step.kind} failed ${count} times, will be tried again: ${text}`)
  }
}
