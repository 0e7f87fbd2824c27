import { randomUUID } from 'node:crypto'
import { sql, type Selectable } from 'kysely'
import { cureOf } from '../cloud/cures.ts'
import type { CloudInstance, CloudLaunch } from '../cloud/door.ts'
import type { ProviderConfig } from '../config.ts'
import type { ScaleDecision } from '../scale/world.ts'
import { cleanText, toJsonb } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { LaunchesTable } from '../store/schema.ts'
import { outcomeUnknown, refusalOf, type Refusal } from './cloud-words.ts'
import { markDry } from './dry-marks.ts'
import { plusMs, providerOf, regionOf, type HerdDeps } from './herd-deps.ts'
import { addInstance } from './instance-rows.ts'
import { composeDocument } from './launch-document.ts'

type Launch = Extract<ScaleDecision, { kind: 'launch' }>
type LaunchRow = Selectable<LaunchesTable>

/** A join token outlives the longest boot by so much: the reply to the launch itself may be late. */
const TOKEN_MARGIN_MS = 15 * 60_000
/** Instances under a spot notice do not count against max_instances, but never more than this times as many run (I7). */
const HARD_CAP = 2

/**
 * The intent, before the call: caps and the pause between two calls are looked at again under the lock of the pool's
 * row (I7). Null = the world moved on, nothing was written.
 */
export function intendLaunch(deps: HerdDeps, epoch: number, decision: Launch): Promise<LaunchRow | null> {
  const provider = providerOf(deps, decision.pool)
  if (provider === null) return Promise.resolve(null)
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await lockPool(tx, decision.pool)
    const allowed = (await notPaused(tx, decision.pool)) && (await stillWanted(tx, decision.allocations)) && (await underCaps(tx, decision, provider))
    if (!allowed || !(await takeCall(tx, deps, decision.pool))) return null
    const { offer } = decision
    const id = randomUUID()
    const row = await tx.insertInto('launches').values({
      id, pool: decision.pool, type: offer.type, zone: offer.zone, subnet: offer.subnet, market: offer.market, gang: decision.gang, count: decision.count, slots: offer.slots,
      per_hour: offer.perHour, allocations: toJsonb(decision.allocations), reason: cleanText(decision.reason), state: 'LAUNCHING', error_kind: null, decided_at: deps.now(), called_at: deps.now(),
    }).returningAll().executeTakeFirstOrThrow()
    await tx.insertInto('join_tokens').values({ hash: deps.launchToken(id).hash, launch_id: id, expires_at: tokenEnd(deps, provider) }).execute()
    await addEvents(tx, [{ kind: 'launch-decided', pool: decision.pool, allocations: decision.allocations, text: `${nameOf(row)} is asked of EC2: ${decision.reason}`, data: about(row) }])
    return row
  })
}

/** The same call again, also for a paused pool: it makes nothing new. Null = its outcome is known by now, or the pool's last call is too fresh. */
export function intendAgain(deps: HerdDeps, epoch: number, id: string): Promise<LaunchRow | null> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const seen = await tx.selectFrom('launches').select('pool').where('id', '=', id).executeTakeFirst()
    if (!seen) return null
    const provider = providerOf(deps, seen.pool)
    await lockPool(tx, seen.pool)
    const open = await tx.selectFrom('launches').selectAll().where('id', '=', id).where('state', '=', 'LAUNCHING').forUpdate().executeTakeFirst()
    if (!open || provider === null || !(await takeCall(tx, deps, seen.pool))) return null
    await tx.updateTable('join_tokens').set({ expires_at: tokenEnd(deps, provider) }).where('launch_id', '=', id).execute()
    await tx.updateTable('launches').set({ called_at: deps.now() }).where('id', '=', id).execute()
    return open
  })
}

/** The call of an intent that is committed, and its outcome in one transaction. A list of EC2 follows soon. */
export async function callLaunch(deps: HerdDeps, epoch: number, row: LaunchRow): Promise<void> {
  const provider = providerOf(deps, row.pool)
  if (provider === null) throw new Error(`pool ${row.pool} of launch ${row.id} has no provider`)
  try {
    await callAndRecord(deps, epoch, provider, row)
  } finally {
    deps.wake('truth')
  }
}

async function callAndRecord(deps: HerdDeps, epoch: number, provider: ProviderConfig, row: LaunchRow): Promise<void> {
  let made: CloudInstance[]
  try {
    made = await (await deps.clouds.of(regionOf(deps, row))).launch(composeCall(deps, provider, row))
  } catch (error) {
    const refusal = refusalOf(error)
    deps.log.warn({ launch: row.id, pool: row.pool, refusal }, 'EC2 did not launch')
    return outcomeUnknown(refusal) ? recordUnknown(deps, epoch, row, refusal) : recordRefusal(deps, epoch, row, refusal)
  }
  return recordMade(deps, epoch, row, made)
}

/** Built from the row and the configuration alone: a repeated call is the same to the byte. */
function composeCall(deps: HerdDeps, provider: ProviderConfig, row: LaunchRow): CloudLaunch {
  return {
    token: row.id, pool: row.pool, type: row.type, place: { subnet: row.subnet, zone: row.zone }, market: row.market,
    spotMaxPrice: row.market === 'spot' ? provider.policy.spotMaxPrice : null, min: row.gang ? row.count : 1, max: row.count, settings: provider.settings,
    userData: composeDocument({ masterUrl: provider.masterUrl, joinToken: deps.launchToken(row.id).token, pool: row.pool, cpuSlots: provider.policy.instanceSlots, startupScript: provider.startupScript }),
  }
}

/** DONE, and a row for each instance; those that a list of EC2 brought to light already stay as they are. */
function recordMade(deps: HerdDeps, epoch: number, row: LaunchRow, made: readonly CloudInstance[]): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const { state } = await lockLaunch(tx, row.id)
    // given up as lost meanwhile: what EC2 made after all is an orphan, and ended as one
    if (state === 'FAILED') return
    for (const instance of made) await addInstance(tx, row, { ...instance, launchedAt: instance.launchedAt.getTime() })
    await tx.updateTable('launches').set({ state: 'DONE', settled_at: deps.now() }).where('id', '=', row.id).execute()
    const ids = made.map((instance) => instance.id)
    await addEvents(tx, [{ kind: 'launch-done', pool: row.pool, allocations: row.allocations, instanceId: ids[0] ?? null, text: `EC2 made ${ids.join(', ')} (${nameOf(row)}): the agent is awaited`, data: { ...about(row), instances: ids } }])
  }).then(() => wakeAfter(deps))
}

/** The intent stays open; told once for each new answer. */
function recordUnknown(deps: HerdDeps, epoch: number, row: LaunchRow, refusal: Refusal): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const { state, error_code: before } = await lockLaunch(tx, row.id)
    if (state !== 'LAUNCHING') return
    await tx.updateTable('launches').set({ called_at: null, error_kind: refusal.kind, error_code: refusal.code, error_text: cleanText(refusal.text) }).where('id', '=', row.id).execute()
    if (before === refusal.code) return
    const text = `whether EC2 made ${nameOf(row)} is not known (${refusal.code}: ${refusal.text}): it is asked again with the same token, which makes nothing twice`
    await addEvents(tx, [{ kind: 'launch-unknown', pool: row.pool, allocations: row.allocations, text, data: { ...about(row), ...refusal } }])
  }).then(() => wakeAfter(deps))
}

function recordRefusal(deps: HerdDeps, epoch: number, row: LaunchRow, refusal: Refusal): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await lockPool(tx, row.pool)
    const { state } = await lockLaunch(tx, row.id)
    if (state !== 'LAUNCHING') return
    await failLaunch(tx, deps, row.id, refusal)
    const next = await markDry(tx, deps, row, refusal)
    const text = `EC2 did not make ${nameOf(row)}: ${refusal.code}: ${refusal.text.replace(/\.$/, '')}. ${next}. Cure: ${cureOf(refusal.kind, refusal.code)}`
    await addEvents(tx, [{ kind: 'launch-failed', pool: row.pool, allocations: row.allocations, text, data: { ...about(row), ...refusal } }])
  }).then(() => wakeAfter(deps))
}

/** FAILED: nothing was made, and its join token serves nobody. */
export async function failLaunch(tx: Tx, deps: HerdDeps, id: string, refusal: Refusal): Promise<void> {
  await tx.updateTable('launches').set({ state: 'FAILED', settled_at: deps.now(), error_kind: refusal.kind, error_code: refusal.code, error_text: cleanText(refusal.text) }).where('id', '=', id).execute()
  await tx.deleteFrom('join_tokens').where('launch_id', '=', id).execute()
}

export function lockLaunch(tx: Tx, id: string): Promise<Pick<LaunchRow, 'state' | 'error_code'>> {
  return tx.selectFrom('launches').select(['state', 'error_code']).where('id', '=', id).forUpdate().executeTakeFirstOrThrow()
}

/** Everything that launches or counts for a pool goes one after the other. */
export async function lockPool(tx: Tx, name: string): Promise<void> {
  await tx.insertInto('pools').values({ name, paused: null }).onConflict((conflict) => conflict.column('name').doNothing()).execute()
  await tx.selectFrom('pools').select('name').where('name', '=', name).forUpdate().executeTakeFirstOrThrow()
}

async function notPaused(tx: Tx, pool: string): Promise<boolean> {
  return (await tx.selectFrom('pools').select('paused').where('name', '=', pool).executeTakeFirst())?.paused === null
}

/** Somebody still waits, or works where EC2 is about to take the instance. Decided for nobody in particular = min_instances. */
async function stillWanted(tx: Tx, allocations: readonly string[]): Promise<boolean> {
  if (allocations.length === 0) return true
  const { rows } = await sql`SELECT 1 FROM allocations a WHERE a.id = ANY(${[...allocations]}::text[]) AND (a.state = 'PENDING' OR (a.state <> 'SEALED' AND EXISTS (
    SELECT 1 FROM allocation_members m JOIN instances i ON i.id = m.agent_id WHERE m.allocation_id = a.id AND i.notice = 'spot'))) LIMIT 1`.execute(tx)
  return rows.length > 0
}

/** A statement of its own: its snapshot is newer than the lock. */
async function underCaps(tx: Tx, decision: Launch, provider: ProviderConfig): Promise<boolean> {
  const { rows } = await sql<{ counted: number; all: number }>`
    WITH made AS (SELECT notice FROM instances WHERE pool = ${decision.pool} AND state <> 'GONE'),
    open AS (SELECT coalesce(sum(greatest(l.count - (SELECT count(*) FROM instances i WHERE i.launch_id = l.id), 0)), 0)::int AS n FROM launches l WHERE l.pool = ${decision.pool} AND l.state = 'LAUNCHING')
    SELECT (SELECT count(*)::int FROM made WHERE notice IS DISTINCT FROM 'spot') + open.n AS counted, (SELECT count(*)::int FROM made) + open.n AS all FROM open`.execute(tx)
  const { counted, all } = rows[0] ?? { counted: Infinity, all: Infinity }
  const { maxInstances } = provider.policy
  return counted + decision.count <= maxInstances && all + decision.count <= HARD_CAP * maxInstances
}

/** At most one call of RunInstances a pool in `callMs`, whatever happens: the row outlives restarts. */
async function takeCall(tx: Tx, deps: HerdDeps, pool: string): Promise<boolean> {
  const { rows } = await sql`UPDATE pools SET last_call_at = ${deps.now()}
    WHERE name = ${pool} AND (last_call_at IS NULL OR last_call_at <= ${plusMs(deps.now(), -deps.herd.callMs)}) RETURNING name`.execute(tx)
  return rows.length > 0
}

function tokenEnd(deps: HerdDeps, provider: ProviderConfig) {
  return plusMs(deps.now(), provider.policy.maxStartingMs + TOKEN_MARGIN_MS)
}

function wakeAfter(deps: HerdDeps): void {
  deps.wake('scale')
  deps.wake('feed')
}

/** `2 x g5.xlarge in us-east-1a, spot` */
export function nameOf(row: Pick<LaunchRow, 'count' | 'type' | 'zone' | 'market'>): string {
  return `${row.count} x ${row.type} in ${row.zone}, ${row.market}`
}

function about(row: LaunchRow): Record<string, unknown> {
  return { launch: row.id, type: row.type, zone: row.zone, market: row.market, count: row.count, allocations: row.allocations }
}
