import { sql } from 'kysely'
import type { DryMark } from '../scale/pool.ts'
import type { ScaleInstance, ScaleLaunch, ScalePool, ScaleWorld } from '../scale/world.ts'
import type { Tx } from '../store/leader.ts'
import { millis, type HerdDeps } from './herd-deps.ts'
import { loadAgents, loadPending } from './schedule-load.ts'

/**
 * One snapshot for the scale decider. A pool about which EC2 could not be asked has no types and no places: nothing is
 * launched for it, and what it has goes on. Whatever changes meanwhile is found out by the re-check at commit.
 */
export function loadScaleWorld(deps: HerdDeps): Promise<ScaleWorld> {
  return deps.db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(async (tx) => {
    const { rows } = await sql<{ now: number }>`SELECT ${millis(deps.now())} AS now`.execute(tx)
    return {
      now: rows[0]?.now ?? 0, pools: await loadPools(tx, deps), agents: await loadAgents(tx), pending: await loadPending(tx),
      launches: await loadLaunches(tx, deps), instances: await loadInstances(tx, deps),
    }
  })
}

interface PoolRow {
  name: string
  lastCallAt: number | null
  strikes: number
  paused: string | null
  note: string
  dry: DryMark[]
}

async function loadPools(tx: Tx, deps: HerdDeps): Promise<ScalePool[]> {
  const { rows } = await sql<PoolRow>`
    SELECT p.name, ${millis(sql`p.last_call_at`)} AS "lastCallAt", p.strikes, p.paused, p.note, coalesce((
      SELECT jsonb_agg(jsonb_build_object('type', d.type, 'zone', nullif(d.zone, ''), 'market', d.market, 'until', ${millis(sql`d.until`)}, 'code', d.code) ORDER BY d.type, d.zone, d.market)
      FROM dry_marks d WHERE d.pool = p.name AND d.until > ${deps.now()}), '[]') AS dry
    FROM pools p`.execute(tx)
  return deps.pools.map(({ name, provider }) => {
    const facts = deps.facts.of(name)
    const row = rows.find((one) => one.name === name)
    return {
      policy: { ...provider.policy, places: facts?.places ?? [] }, types: facts?.types ?? [], prices: facts?.prices ?? [], callMs: deps.herd.callMs,
      dry: row?.dry ?? [], lastCallAt: row?.lastCallAt ?? null, strikes: row?.strikes ?? 0, paused: row?.paused ?? null, note: row?.note ?? '',
    }
  })
}

/** Less those of its instances that came and went already. A call that this process is not in broke off. */
async function loadLaunches(tx: Tx, deps: HerdDeps): Promise<ScaleLaunch[]> {
  const { rows } = await sql<ScaleLaunch>`
    SELECT l.id AS launch, l.pool, l.type, l.zone, l.market, l.gang, l.count - (SELECT count(*)::int FROM instances i WHERE i.launch_id = l.id AND i.state = 'GONE') AS count,
      l.slots, ${millis(sql`l.decided_at`)} AS "decidedAt", ${millis(sql`l.called_at`)} AS "calledAt", nullif(l.error_code, '') AS "openCode", l.allocations
    FROM launches l WHERE l.state = 'LAUNCHING' ORDER BY l.decided_at, l.id`.execute(tx)
  return rows.map((row) => ({ ...row, calledAt: deps.background.has(`launch:${row.launch}`) ? row.calledAt : null }))
}

async function loadInstances(tx: Tx, deps: HerdDeps): Promise<ScaleInstance[]> {
  const { rows } = await sql<ScaleInstance>`
    SELECT i.id, i.launch_id AS launch, i.pool, i.type, i.zone, i.market, i.state, l.gang, l.count AS "launchCount", l.allocations, i.notice,
      CASE WHEN i.registered_at IS NULL THEN i.slots ELSE coalesce(jsonb_array_length(g.inventory->'slots'), i.slots) END AS slots,
      ${millis(sql`i.launched_at`)} AS "launchedAt", ${millis(sql`i.registered_at`)} AS "registeredAt", ${millis(sql`i.retiring_at`)} AS "retiringAt",
      coalesce(held.live, '{}') AS live, coalesce(g.drained, false) AS drained,
      CASE WHEN i.registered_at IS NOT NULL AND held.live IS NULL THEN ${millis(sql`greatest(i.registered_at, held.sealed_at)`)} END AS "idleSince",
      CASE WHEN g.seen_at IS NOT NULL THEN greatest(${millis(deps.now())} - ${millis(sql`g.seen_at`)}, 0) END AS "silentMs"
    FROM instances i JOIN launches l ON l.id = i.launch_id LEFT JOIN agents g ON g.id = i.id
    LEFT JOIN LATERAL (
      SELECT array_agg(a.id ORDER BY a.id) FILTER (WHERE a.state <> 'SEALED' AND NOT m.lost) AS live, max(a.sealed_at) AS sealed_at
      FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id WHERE m.agent_id = i.id
    ) held ON true
    WHERE i.state <> 'GONE' ORDER BY i.id`.execute(tx)
  return rows
}
