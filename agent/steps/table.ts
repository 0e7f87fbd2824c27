import type { Step, StepKind, StepOf } from '../plan/steps.ts'
import { accept, adopt } from './accept.ts'
import { close } from './close.ts'
import type { StepContext } from './context.ts'
import { create, recreate } from './create.ts'
import { discard, drain, sweep } from './drain.ts'
import { abandon, exited, refuse, vanished } from './exit.ts'
import { ensureImage } from './image.ts'
import { rendezvous } from './rendezvous.ts'
import { restore } from './restore.ts'
import { attach, recordStarted, start } from './start.ts'
import { kill, preempt, stop } from './stop.ts'

/** `interrupt` is the loop's own: it aborts the step under way. */
type Carried = Exclude<StepKind, 'interrupt'>
type Executor<K extends Carried> = (context: StepContext, step: StepOf<K>, signal: AbortSignal) => Promise<Next> | Next
/** A step that may follow without another plan, unless what is wanted has changed meanwhile. */
type Next = StepOf<'start'> | undefined | void

/**
 * One executor a kind: a missing one does not compile. Each resolves when its step is done for good or has been
 * answered with a final exit, and rejects where trying again may help. Each is safe to run again after a crash anywhere.
 */
const EXECUTORS: { readonly [K in Carried]: Executor<K> } = {
  accept, refuse, adopt, 'ensure-image': ensureImage, restore, rendezvous, create, recreate, start, 'record-started': recordStarted, attach, preempt, stop, kill, exited, vanished, abandon, drain, discard, sweep, close,
}

export async function execute(context: StepContext, step: Exclude<Step, { kind: 'interrupt' }>, signal: AbortSignal): Promise<StepOf<'start'> | null> {
  const executor = EXECUTORS[step.kind] as Executor<Carried>
  return (await executor(context, step, signal)) ?? null
}
