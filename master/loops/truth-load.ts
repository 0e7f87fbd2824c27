import { sql } from 'kysely'
import type { CloudInstance } from '../cloud/door.ts'
import type { SeenInstance, TruthLaunch, TruthOrphan, TruthRow, TruthWorld } from '../reconcile/truth-world.ts'
import { millis, regionOf, type HerdDeps } from './herd-deps.ts'

/** What one region remembers between its passes; a restart forgets it, and errs on the side of patience. */
export interface RegionMemory {
  /** a list is wanted now: something was launched or ended */
  soon: boolean
  /** no list before this time, Unix milliseconds of the database's clock */
  nextListAt: number
  /** open rows of the last pass with a list that could be trusted; null = none yet */
  open: readonly string[] | null
  /** open launches of which the last list named no instance */
  unseen: ReadonlySet<string>
  /** when each id was asked last */
  asked: Map<string, number>
}

export const newMemory = (): RegionMemory => ({ soon: true, nextListAt: 0, open: null, unseen: new Set(), asked: new Map() })

/** What a pass may have to ask: read before EC2 is, and only for that. */
export interface TruthDue {
  now: number
  regions: ReadonlyMap<string, readonly { id: string; state: string; silentMs: number | null }[]>
}

export async function loadDue(deps: HerdDeps): Promise<TruthDue> {
  const { rows } = await sql<{ id: string; pool: string; zone: string; state: string; silentMs: number | null }>`
    SELECT i.id, i.pool, i.zone, i.state, CASE WHEN g.seen_at IS NOT NULL THEN ${millis(deps.now())} - ${millis(sql`g.seen_at`)} END AS "silentMs"
    FROM instances i LEFT JOIN agents g ON g.id = i.id WHERE i.state <> 'GONE'
    UNION ALL SELECT '', l.pool, l.zone, 'LAUNCHING', NULL FROM launches l WHERE l.state = 'LAUNCHING' ORDER BY 1`.execute(deps.db)
  const regions = new Map<string, { id: string; state: string; silentMs: number | null }[]>(deps.pools.map((pool) => [pool.provider.policy.region, []]))
  for (const row of rows) {
    const region = regionOf(deps, row)
    const known = regions.get(region) ?? []
    regions.set(region, known)
    if (row.id !== '') known.push(row)
  }
  const time = await sql<{ now: number }>`SELECT ${millis(deps.now())} AS now`.execute(deps.db)
  return { now: time.rows[0]?.now ?? 0, regions }
}

type Row = TruthRow & { pool: string; zone: string }

/** The rows of the region, and whatever the list names. Read after the list, so that what EC2 made has its intent here. */
export async function loadRows(deps: HerdDeps, region: string, listed: readonly CloudInstance[]): Promise<Row[]> {
  const { rows } = await sql<Row>`SELECT id, launch_id AS launch, pool, zone, state, private_ip AS "privateIp", missed, ${millis(sql`missed_since`)} AS "missedSince"
    FROM instances WHERE state <> 'GONE' OR id = ANY(${listed.map((one) => one.id)}::text[]) ORDER BY id`.execute(deps.db)
  return rows.filter((row) => regionOf(deps, row) === region)
}

export interface RegionAnswers {
  listed: readonly CloudInstance[] | null
  asked: readonly string[]
  found: readonly CloudInstance[]
}

export async function loadTruthWorld(deps: HerdDeps, region: string, memory: RegionMemory, rows: readonly Row[], answers: RegionAnswers): Promise<TruthWorld> {
  const time = await sql<{ now: number }>`SELECT ${millis(deps.now())} AS now`.execute(deps.db)
  return {
    now: time.rows[0]?.now ?? 0, listMs: deps.herd.listMs, listed: answers.listed?.map(toSeen) ?? null, asked: answers.asked, found: answers.found.map(toSeen), rows,
    launches: await loadLaunches(deps, region, memory, answers.listed ?? []), orphans: await loadOrphans(deps, region), openBefore: await loadOpenBefore(deps, memory),
  }
}

async function loadLaunches(deps: HerdDeps, region: string, memory: RegionMemory, listed: readonly CloudInstance[]): Promise<TruthLaunch[]> {
  const named = listed.flatMap((one) => (one.launch === null ? [] : [one.launch]))
  const { rows } = await sql<TruthLaunch & { pool: string; zone: string }>`
    SELECT l.id, l.pool, l.zone, l.state, l.count, (SELECT count(*)::int FROM instances i WHERE i.launch_id = l.id) AS rows, ${millis(sql`l.decided_at`)} AS "decidedAt"
    FROM launches l WHERE l.state = 'LAUNCHING' OR l.id = ANY(${named}::text[]) ORDER BY l.id`.execute(deps.db)
  return rows.filter((row) => regionOf(deps, row) === region).map((row) => ({ ...row, missedBefore: memory.unseen.has(row.id) }))
}

async function loadOrphans(deps: HerdDeps, region: string): Promise<TruthOrphan[]> {
  const { rows } = await sql<TruthOrphan>`SELECT id, ${millis(sql`first_seen`)} AS "firstSeen", ${millis(sql`ended_at`)} AS "endedAt" FROM orphans WHERE region = ${region} ORDER BY id`.execute(deps.db)
  return rows
}

async function loadOpenBefore(deps: HerdDeps, memory: RegionMemory): Promise<number | null> {
  if (memory.open === null) return null
  const { rows } = await sql<{ gone: number }>`SELECT count(*)::int AS gone FROM instances WHERE state = 'GONE' AND id = ANY(${[...memory.open]}::text[])`.execute(deps.db)
  return memory.open.length - (rows[0]?.gone ?? 0)
}

function toSeen(one: CloudInstance): SeenInstance {
  return { id: one.id, launch: one.launch, type: one.type, zone: one.zone, market: one.market, state: one.state, stateReason: one.stateReason, launchedAt: one.launchedAt.getTime(), privateIp: one.privateIp }
}
