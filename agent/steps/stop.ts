import { isDockerError } from '../docker/errors.ts'
import type { StepOf } from '../plan/steps.ts'
import { plainText } from '../plan/plain-text.ts'
import { rowOf, type StepContext } from './context.ts'

/** Asks the run to save and stop; its time begins to count. */
export function preempt(context: StepContext, step: StepOf<'preempt'>): void {
  const row = rowOf(context, step.alloc)
  mark(context, step, { ...row, preemptAt: context.clock.wallMs() }, `asked to save and stop within ${row.spec.preemptSeconds} s: ${step.reason}`)
  context.attendant.preempt(row.alloc)
}

/** SIGTERM, once: the mark comes first, so that a crash never sends a second one into a run that is saving. */
export async function stop(context: StepContext, step: StepOf<'stop'>): Promise<void> {
  const row = rowOf(context, step.alloc)
  mark(context, step, { ...row, stopAt: context.clock.wallMs() }, `stopping with SIGTERM, ${row.spec.stopGraceSeconds} s of grace: ${step.reason}`)
  await signal(context, step.containerId, 'SIGTERM')
}

/** SIGKILL, until it is gone. */
export async function kill(context: StepContext, step: StepOf<'kill'>): Promise<void> {
  const row = rowOf(context, step.alloc)
  if (row.stopAt === null) mark(context, step, { ...row, stopAt: context.clock.wallMs() }, `killing: ${step.reason}`)
  await signal(context, step.containerId, 'SIGKILL')
}

type Marked = StepOf<'preempt'> | StepOf<'stop'> | StepOf<'kill'>

function mark(context: StepContext, step: Marked, row: Parameters<StepContext['journal']['putAllocation']>[0], text: string): void {
  context.journal.transaction((tx) => {
    tx.putAllocation(row)
    tx.append({ kind: 'note', alloc: step.alloc, t: context.clock.wallMs(), level: 'INFO', text: plainText(text, 8192) })
  })
}

/** One that has ended by itself needs no signal. */
async function signal(context: StepContext, containerId: string, name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  try {
    await context.docker.signal(containerId, name)
  } catch (error) {
    if (!isDockerError(error, 'missing', 'not-running')) throw error
  }
}
