import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from './db.ts'
import type { Tx } from './leader.ts'

const SLICE_BYTES = 1024 * 1024

/** Keeps bytes under their SHA-256 (hex), the same bytes once; one statement. Gives the digests in the same order. */
export async function putBlobs(tx: Tx | Db, all: readonly Uint8Array[]): Promise<string[]> {
  const digests = all.map((bytes) => createHash('sha256').update(bytes).digest('hex'))
  // in one order everywhere: two transactions that put the same blobs must not wait for each other in a circle
  const rows = [...new Map(all.map((bytes, index) => [digests[index] ?? '', Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)]))].sort(([a], [b]) => (a < b ? -1 : 1))
  if (rows.length > 0) await tx.insertInto('blobs').values(rows.map(([digest, bytes]) => ({ digest, bytes }))).onConflict((c) => c.column('digest').doNothing()).execute()
  return digests
}

/** Size in bytes; null when there is none. */
export async function blobSize(db: Db, digest: string): Promise<number | null> {
  const { rows } = await sql<{ size: number }>`SELECT octet_length(bytes) AS size FROM blobs WHERE digest = ${digest}`.execute(db)
  return rows[0]?.size ?? null
}

/** The bytes in slices, so that a model definition of 95 MiB never stands in memory as a whole. */
export async function* readBlob(db: Db, digest: string, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < size; from += SLICE_BYTES) {
    const { rows } = await sql<{ part: Buffer }>`SELECT substring(bytes FROM ${from + 1}::int FOR ${SLICE_BYTES}::int) AS part FROM blobs WHERE digest = ${digest}`.execute(db)
    const part = rows[0]?.part
    if (!part) throw new Error(`blob ${digest} went away while it was read`)
    yield part
  }
}

/** Specs of the agent's own live allocations and the model definitions they name; nothing else is an agent's business, nor what is sealed (I3). */
export async function mayRead(db: Db, agent: string, digest: string): Promise<boolean> {
  const { rows } = await sql<{ allowed: boolean }>`SELECT EXISTS (
      SELECT 1 FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id
      WHERE m.agent_id = ${agent} AND m.spec_digest = ${digest} AND NOT m.lost AND a.state <> 'SEALED'
    ) OR EXISTS (
      SELECT 1 FROM experiments e JOIN tasks t ON t.experiment_id = e.id JOIN allocations a ON a.task_id = t.id
      JOIN allocation_members m ON m.allocation_id = a.id
      WHERE e.context_digest = ${digest} AND m.agent_id = ${agent} AND NOT m.lost AND a.state <> 'SEALED'
    ) OR EXISTS (
      SELECT 1 FROM commands c JOIN allocations a ON a.task_id = c.task_id JOIN allocation_members m ON m.allocation_id = a.id
      WHERE c.context_digest = ${digest} AND m.agent_id = ${agent} AND NOT m.lost AND a.state <> 'SEALED'
    ) AS allowed`.execute(db)
  return rows[0]?.allowed ?? false
}
