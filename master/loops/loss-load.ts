import { sql } from 'kysely'
import type { InstanceState } from '../../protocol/words/instances.ts'
import type { LossAgent, LossWorld } from '../reconcile/loss-world.ts'
import { loadBrake } from '../store/brake.ts'
import type { Db } from '../store/db.ts'
import type { Tx } from '../store/leader.ts'

/** What only this process can tell, milliseconds. */
export interface Hearing {
  lostMs: number
  canaryHealthyForMs: number
  canaryLastWordMs: number
  masterUpForMs: number
}

interface Row {
  now: number
  id: string | null
  silentMs: number | null
  lostAt: number | null
  live: string[]
  state: InstanceState | null
  reason: string | null
  missed: number | null
}

/** Everybody who is not retired, with what EC2 says of the machine. */
export async function loadLossWorld(db: Db | Tx, hearing: Hearing): Promise<LossWorld> {
  const brake = await loadBrake(db)
  const { rows } = await sql<Row>`
    SELECT c.now, g.id, c.now - floor(extract(epoch FROM g.seen_at) * 1000)::float8 AS "silentMs", floor(extract(epoch FROM g.lost_at) * 1000)::float8 AS "lostAt",
      coalesce(live.ids, '{}') AS live, i.state, i.state_reason AS reason, i.missed
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now) c
    LEFT JOIN agents g ON g.retired_at IS NULL LEFT JOIN instances i ON i.id = g.id
    LEFT JOIN (
      SELECT m.agent_id, array_agg(DISTINCT a.id ORDER BY a.id) AS ids FROM allocations a JOIN allocation_members m ON m.allocation_id = a.id
      WHERE a.state <> 'SEALED' GROUP BY m.agent_id
    ) live ON live.agent_id = g.id
    ORDER BY g.id`.execute(db)
  return { ...hearing, now: rows[0]?.now ?? 0, brake, agents: rows.flatMap(toAgent) }
}

function toAgent(row: Row): LossAgent[] {
  if (row.id === null) return []
  const instance = row.state === null ? null : { state: row.state, reason: row.reason ?? '', ec2Running: row.state !== 'TERMINATING' && row.state !== 'GONE' && row.missed === 0 }
  return [{ id: row.id, silentMs: row.silentMs === null ? null : Math.max(0, row.silentMs), lostAt: row.lostAt, live: row.live, instance }]
}
