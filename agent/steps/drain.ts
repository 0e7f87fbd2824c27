import { rm } from 'node:fs/promises'
import { isDockerError } from '../docker/errors.ts'
import { allocationPaths } from '../plan/paths.ts'
import { sandboxName } from '../plan/sandbox-name.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'

/** Logs and checkpoints to their end, however long that takes; then the master may seal. */
export async function drain(context: StepContext, step: StepOf<'drain'>, signal: AbortSignal): Promise<void> {
  const row = rowOf(context, step.alloc)
  if (row.containerId !== null) {
    const logPath = await logPathOf(context, row.containerId)
    await context.attendant.drain({ spec: row.spec, paths: allocationPaths(context.stateDir, row.alloc), containerId: row.containerId, logPath }, signal)
  }
  if (signal.aborted) return
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'drained' })
    tx.append({ kind: 'drained', alloc: row.alloc, t: context.clock.wallMs() })
  })
  context.attached.delete(row.alloc)
}

/** Sealed at the master: container, its sandbox, files and row go, in this order, so that a crash between them is taken up again. */
export async function discard(context: StepContext, step: StepOf<'discard'>): Promise<void> {
  for (const id of step.containerIds) await context.docker.remove(id)
  await context.attendant.detach(step.alloc)
  const row = context.journal.allocation(step.alloc)
  for (const id of step.sandboxIds) await context.sandboxes.remove(id, row === null ? '' : sandboxName(row.spec))
  await rm(allocationPaths(context.stateDir, step.alloc).root, { recursive: true, force: true })
  context.journal.removeAllocation(step.alloc)
  for (const set of [context.attached, context.imageReady]) set.delete(step.alloc)
}

export function sweep(context: StepContext, step: StepOf<'sweep'>): Promise<void> {
  context.log.info({ sandbox: step.alloc, reason: step.reason }, 'network sandbox is removed')
  return context.sandboxes.remove(step.sandboxId, step.alloc)
}

/** A container that was removed took its log along; the path it had is where Docker puts every one. */
async function logPathOf(context: StepContext, containerId: string): Promise<string> {
  try {
    return (await context.docker.inspect(containerId)).logPath
  } catch (error) {
    if (!isDockerError(error, 'missing')) throw error
    const { rootDir } = await context.docker.info()
    return `${rootDir}/containers/${containerId}/${containerId}-json.log`
  }
}
