import { sql, type Selectable } from 'kysely'
import { canMoveInstance, INSTANCE_STATES, type InstanceState, type Market } from '../../protocol/words/instances.ts'
import type { Tx } from '../store/leader.ts'
import type { InstancesTable, LaunchesTable } from '../store/schema.ts'

/** What EC2 told of an instance. Time: Unix milliseconds. */
export interface MadeInstance {
  id: string
  type: string
  zone: string
  market: Market
  launchedAt: number
  privateIp: string | null
}

/** A row for an instance of this launch, STARTING; one that is there stays as it is. Returns whether it is new. */
export async function addInstance(tx: Tx, launch: Pick<Selectable<LaunchesTable>, 'id' | 'pool' | 'slots' | 'per_hour'>, made: MadeInstance): Promise<boolean> {
  const result = await tx.insertInto('instances').values({
    id: made.id, launch_id: launch.id, pool: launch.pool, type: made.type, zone: made.zone, market: made.market, slots: launch.slots, per_hour: launch.per_hour,
    state: 'STARTING', private_ip: made.privateIp, launched_at: new Date(made.launchedAt), notice: null,
  }).onConflict((conflict) => conflict.column('id').doNothing()).executeTakeFirst()
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** What its launch was decided for and still waits: to them it matters when it goes. */
export async function waitingFor(tx: Tx, id: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`SELECT a.id FROM instances i JOIN launches l ON l.id = i.launch_id JOIN allocations a ON l.allocations ? a.id WHERE i.id = ${id} AND a.state = 'PENDING' ORDER BY a.id`.execute(tx)
  return rows.map((row) => row.id)
}

/** States of a row from which it may go there. */
export function statesBefore(to: InstanceState): InstancesTable['state'][] {
  return INSTANCE_STATES.flatMap((from) => (from !== 'LAUNCHING' && from !== 'FAILED' && canMoveInstance(from, to) ? [from] : []))
}
