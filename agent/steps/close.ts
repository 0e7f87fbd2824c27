import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'

/**
 * A member of the gang has reported a checkpoint: this one's files of it are sent too, also where its container is gone
 * and all was drained. One whose container never ran has no part to give, so the checkpoint can never be whole.
 */
export function close(context: StepContext, step: StepOf<'close'>): void {
  const row = rowOf(context, step.alloc)
  const t = context.clock.wallMs()
  context.journal.transaction((tx) => {
    for (const { uuid, ordinal, steps } of step.checkpoints) {
      const base = { alloc: row.alloc, uuid, ordinal, steps, directory: uuid, reported: { createdAt: new Date(t).toISOString(), part: true } }
      if (row.containerId === null) {
        tx.putCheckpoint({ ...base, state: 'failed' })
        tx.append({ kind: 'checkpoint-failed', alloc: row.alloc, t, uuid, error: `rank ${row.spec.rank} of the gang never ran, so its part is missing` })
      } else tx.putCheckpoint({ ...base, state: 'declared' })
    }
    if (row.phase === 'drained' && row.containerId !== null) tx.putAllocation({ ...row, phase: 'exited' })
  })
  context.attendant.closed(row.alloc)
}
