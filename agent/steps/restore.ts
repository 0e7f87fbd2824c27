import { exposeRestored } from '../bucket/expose-restored.ts'
import { allocationPaths } from '../plan/paths.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'
import { failLaunch } from './exit.ts'
import { makeRunDirectory } from './run-directory.ts'

/** Brings the checkpoint to the host; which one to fall back to is the master's decision (I5). */
export async function restore(context: StepContext, step: StepOf<'restore'>, signal: AbortSignal): Promise<void> {
  const row = rowOf(context, step.alloc)
  const paths = allocationPaths(context.stateDir, row.alloc)
  context.journal.outbox.append({ kind: 'state', alloc: row.alloc, t: context.clock.wallMs(), state: 'RESTORING' })
  await makeRunDirectory(paths, row.spec.user)
  const result = await context.attendant.restore(row.spec, paths, signal)
  if (signal.aborted) return
  if (result.ok && row.spec.restore !== null) await exposeRestored(paths.restored, paths.storage, row.spec.restore.uuid, row.spec.user)
  if (result.ok) context.journal.putAllocation({ ...row, phase: 'restored' })
  else if (result.transient) throw new Error(`the checkpoint cannot be restored now: ${result.error}`)
  else failLaunch(context, row, 'restore', `checkpoint ${row.spec.restore?.uuid ?? ''} could not be restored: ${result.error}`)
}
