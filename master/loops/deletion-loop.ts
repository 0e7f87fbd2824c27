import { experimentRoot } from '../../protocol/bucket/layout.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { CheckpointStorageConfig } from '../../protocol/words/experiment-config.ts'
import { storageOf } from '../reconcile/storage-of.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import type { Buckets } from './buckets.ts'
import type { LoopDeps } from './deps.ts'
import { eachOrThrowAfter } from './each.ts'

const SWEEP_MS = 5_000
const CAP_MS = 60_000

export interface DeletionDeps extends LoopDeps {
  buckets: Buckets
}

/** Carries out deletions: every object of the experiment, then its rows. A bucket that fails is asked again, and the experiment says so. */
export function startDeletionLoop(deps: DeletionDeps): Loop {
  return startLoop({ name: 'deletion', sweepMs: SWEEP_MS, capMs: CAP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => deletionPass(deps) })
}

interface Doomed {
  id: number
  slug: string
  config: { checkpoint_storage: CheckpointStorageConfig | null }
}

export async function deletionPass(deps: DeletionDeps): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  const doomed = await deps.db.selectFrom('experiments').select(['id', 'slug', 'config']).where('state', '=', 'DELETING').orderBy('id').execute()
  await eachOrThrowAfter(doomed, async (experiment) => {
    try {
      await removeFiles(deps, experiment)
    } catch (error) {
      const text = `its files could not be removed yet: ${error instanceof Error ? error.message : String(error)}`
      await deps.db.updateTable('experiments').set({ state_reason: text.slice(0, 1_000) }).where('id', '=', experiment.id).where('state', '=', 'DELETING').execute()
      throw error
    }
    await removeRows(deps, epoch, experiment.id)
    deps.wake('feed')
  })
}

/** Where the storage cannot be reached by this master, nothing of the experiment was ever written by it either. */
async function removeFiles(deps: DeletionDeps, { id, slug, config }: Doomed): Promise<void> {
  const choice = storageOf(config.checkpoint_storage, deps.storage)
  if (!choice.ok) return
  const bucket = deps.buckets.of(choice.storage)
  const prefix = choice.storage.type === 's3' ? choice.storage.prefix : ''
  for await (const object of bucket.list(`${experimentRoot(prefix, deps.clusterId, { id, slug })}/`, { signal: deps.signal })) await bucket.remove(object.key, { signal: deps.signal })
}

function removeRows(deps: DeletionDeps, epoch: number, id: number): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const result = await tx.deleteFrom('experiments').where('id', '=', id).where('state', '=', 'DELETING').executeTakeFirst()
    if (result.numDeletedRows > 0n) await addEvents(tx, [{ kind: 'experiment-deleted', experimentId: id, text: `experiment ${id} is deleted, with its trials, logs and files` }])
  })
}
