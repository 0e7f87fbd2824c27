import { sql } from 'kysely'
import { addEvents, type NewEvent } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import { millis, type HerdDeps } from './herd-deps.ts'

/**
 * STARTING -> READY for each instance whose agent has spoken with an inventory: its pool's strikes are forgiven. Not before its
 * presence is written too: until then it counts as silent, nothing fits on it, and another instance would be launched.
 */
export async function registerReady(deps: HerdDeps, epoch: number): Promise<number> {
  const spoke = await deps.db.selectFrom('instances as i').innerJoin('agents as g', 'g.id', 'i.id').select('i.id')
    .where('i.state', '=', 'STARTING').where('g.inventory', 'is not', null).where('g.seen_at', 'is not', null).where('g.retired_at', 'is', null).orderBy('i.id').execute()
  for (const { id } of spoke) await register(deps, epoch, id)
  if (spoke.length > 0) for (const loop of ['schedule', 'feed'] as const) deps.wake(loop)
  return spoke.length
}

interface Registered {
  pool: string
  type: string
  promised: number
  has: number
  bootMs: number
}

function register(deps: HerdDeps, epoch: number, id: string): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.selectFrom('agents').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
    await sql`SELECT 1 FROM pools p JOIN instances i ON i.pool = p.name WHERE i.id = ${id} FOR UPDATE OF p`.execute(tx)
    const { rows } = await sql<Registered>`UPDATE instances i SET state = 'READY', registered_at = ${deps.now()} FROM agents g
      WHERE i.id = ${id} AND g.id = i.id AND i.state = 'STARTING'
      RETURNING i.pool, i.type, i.slots AS promised, coalesce(jsonb_array_length(g.inventory->'slots'), 0) AS has, greatest(${millis(deps.now())} - ${millis(sql`i.launched_at`)}, 0) AS "bootMs"`.execute(tx)
    const row = rows[0]
    if (row === undefined) return
    await tx.updateTable('pools').set({ strikes: 0 }).where('name', '=', row.pool).where('strikes', '>', 0).execute()
    await addEvents(tx, eventsOf(id, row))
  })
}

function eventsOf(id: string, row: Registered): NewEvent[] {
  const about = { instanceId: id, agentId: id, pool: row.pool }
  const seconds = Math.round(row.bootMs / 1000)
  const ready: NewEvent = { ...about, kind: 'instance-ready', text: `instance ${id} (${row.type}) is ready ${seconds} s after its launch, with ${row.has} slots`, data: { bootSeconds: seconds, slots: row.has } }
  if (row.has >= row.promised) return [ready]
  const text = `instance ${id} has ${row.has} slots, its type ${row.type} promises ${row.promised}: see with nvidia-smi on it whether GPUs are missing; what waits for ${row.promised} slots does not fit there`
  return [ready, { ...about, kind: 'instance-slots', text, data: { slots: row.has, promised: row.promised } }]
}
