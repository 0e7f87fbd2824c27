import { sql } from 'kysely'
import { addEvents } from '../events.ts'
import { toJsonb } from '../clean.ts'
import type { Db } from '../db.ts'
import type { SearcherMetric } from '../trial-summary.ts'

/** What a script noted of its run; null: nothing yet. Undefined where there is no such trial. */
export async function findRunMetadata(db: Db, trialId: number): Promise<Record<string, unknown> | null | undefined> {
  return (await db.selectFrom('trials').select('metadata').where('id', '=', trialId).executeTakeFirst())?.metadata
}

/** In place of what was there. False where there is no such trial. */
export async function setRunMetadata(db: Db, trialId: number, metadata: Record<string, unknown>): Promise<boolean> {
  return (await db.updateTable('trials').set({ metadata: toJsonb(metadata) }).where('id', '=', trialId).executeTakeFirst()).numUpdatedRows > 0n
}

/** Best value of the searcher's metric over all trials; null: no validation yet. */
export async function findBestMetric(db: Db, experimentId: number, searcher: SearcherMetric): Promise<number | null> {
  const best = searcher.smaller_is_better ? sql<number | null>`min(searcher_metric)` : sql<number | null>`max(searcher_metric)`
  const row = await db.selectFrom('trials').select(best.as('best')).where('experiment_id', '=', experimentId).executeTakeFirst()
  return row?.best ?? null
}

/** Digest of a task's model definition; null: it has none. Undefined where there is no such task. */
export async function findContext(db: Db, taskId: string): Promise<string | null | undefined> {
  const { rows } = await sql<{ digest: string | null }>`SELECT e.context_digest AS digest FROM tasks t LEFT JOIN experiments e ON e.id = t.experiment_id WHERE t.id = ${taskId}`.execute(db)
  return rows[0]?.digest
}

export interface Round {
  /** what each peer told; whole once it has `peers` entries */
  data: unknown[]
  peers: number
}

/**
 * Enters one peer's word into the round that is open, or makes the next; a request that comes again finds its own. The
 * allocation's row is locked, so that no two rounds are open. Null where the allocation is over.
 */
export function enterRound(db: Db, entry: { allocation: string; request: string; peers: number; data: unknown }): Promise<number | null> {
  return db.transaction().execute(async (tx) => {
    const live = await sql`SELECT 1 FROM allocations WHERE id = ${entry.allocation} AND state <> 'SEALED' FOR UPDATE`.execute(tx)
    if (live.rows.length === 0) return null
    const { rows } = await sql<{ round: number; mine: boolean; isFull: boolean }>`
      SELECT round, bool_or(request = ${entry.request}) AS mine, count(*) >= max(peers) AS "isFull" FROM all_gathers WHERE allocation_id = ${entry.allocation} GROUP BY round ORDER BY round`.execute(tx)
    const known = rows.find((row) => row.mine)
    if (known) return known.round
    const newest = rows.at(-1)
    const round = newest === undefined ? 1 : newest.isFull ? newest.round + 1 : newest.round
    await tx.insertInto('all_gathers').values({ allocation_id: entry.allocation, round, request: entry.request, peers: entry.peers, data: toJsonb(entry.data) }).execute()
    return round
  })
}

export async function readRound(db: Db, allocation: string, round: number): Promise<Round> {
  const rows = await db.selectFrom('all_gathers').select(['data', 'peers']).where('allocation_id', '=', allocation).where('round', '=', round).orderBy('request').execute()
  return { data: rows.map((row) => row.data), peers: Math.max(1, ...rows.map((row) => row.peers)) }
}

/**
 * A run has deleted files of a checkpoint: `resources` is what is left of it. The bytes follow (I4: readable until it is
 * marked). False where the checkpoint is not the experiment's or is not there to be deleted.
 */
export function markDeleted(db: Db, uuid: string, experimentId: number | null, resources: Record<string, number>): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const kept = Object.keys(resources).filter((name) => !name.endsWith('/'))
    const row = await tx.selectFrom('checkpoints').select(['state', 'resources', 'kind', 'trial_id', 'experiment_id', 'allocation_id', 'steps']).where('uuid', '=', uuid).forUpdate().executeTakeFirst()
    if (row === undefined || (experimentId !== null && row.experiment_id !== experimentId)) return false
    if (row.state !== 'COMPLETED' && row.state !== 'PARTIALLY_DELETED') return row.state === 'DELETED'
    const left = Object.fromEntries(Object.entries(row.resources).filter(([name]) => kept.includes(name)))
    const names = Object.keys(left)
    if (names.length === Object.keys(row.resources).length && names.length > 0) return true
    const state = names.length === 0 ? 'DELETED' : 'PARTIALLY_DELETED'
    await tx.updateTable('checkpoints').set({ state, resources: toJsonb(left), pointer_written: row.kind === 'own' }).where('uuid', '=', uuid).execute()
    await addEvents(tx, [{ experimentId: row.experiment_id, trialId: row.trial_id, allocationId: row.allocation_id, kind: 'checkpoint-deleted', text: `checkpoint ${uuid} at step ${row.steps} was deleted ${state === 'DELETED' ? '' : 'in part '}by its run`, data: { uuid, state } }])
    return true
  })
}
