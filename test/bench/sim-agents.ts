import { createHash } from 'node:crypto'
import pg from 'pg'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import type { Inventory } from '../../protocol/wire/heartbeat.ts'
import type { Stack } from '../rig/stack.ts'

/** Agents that are rows only: their times are kept fresh by one statement a second. */
export interface Seeded {
  ids: readonly string[]
  inventory: (id: string) => { inventory: Inventory; hash: string }
  stop(): void
}

export async function seedAgents(stack: Stack, options: { pool: string; agents: number; slots: number; beat?: boolean }): Promise<Seeded> {
  const client = new pg.Client({ connectionString: stack.databaseUrl })
  await client.connect()
  const ids = Array.from({ length: options.agents }, (_, index) => `sim-${index}`)
  for (const id of ids) {
    const { inventory, hash } = inventoryOf(id, options.slots)
    await client.query(
      `INSERT INTO agents (id, pool, hostname, public_key, version, inventory, inventory_hash, seen_at) VALUES ($1, $2, $1, $3, '0', $4, $5, now()) ON CONFLICT (id) DO UPDATE SET pool = $2, inventory = $4, inventory_hash = $5, seen_at = now(), retired_at = NULL`,
      [id, options.pool, `U${id}`, JSON.stringify(inventory), hash],
    )
  }
  const fresh = setInterval(() => {
    if (options.beat !== true) client.query(`UPDATE agents SET seen_at = clock_timestamp() WHERE pool = $1`, [options.pool]).catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
  }, 5_000)
  return {
    ids,
    inventory: (id) => inventoryOf(id, options.slots),
    stop() {
      clearInterval(fresh)
      client.query(`UPDATE agents SET retired_at = now() WHERE pool = $1`, [options.pool]).finally(() => client.end()).catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
    },
  }
}

function inventoryOf(id: string, slots: number): { inventory: Inventory; hash: string } {
  const inventory: Inventory = {
    hostname: id, version: '0', bootId: id, kernel: 'k', os: 'o', cpus: 8, memoryMib: 1024, diskFreeMib: 1024, docker: '28', driver: null, instanceId: null, instanceType: null, zone: null, held: [],
    slots: Array.from({ length: slots }, (_, index) => ({ id: `cpu-${index}`, kind: 'cpu' as const, uuid: `${id}-${index}`, brand: 'cpu', memoryMib: 0, index })),
  }
  return { inventory, hash: createHash('sha256').update(canonicalJson(inventory)).digest('hex') }
}
