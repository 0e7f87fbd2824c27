import { sql } from 'kysely'
import type { CloudFailure } from '../../protocol/words/instances.ts'
import { cureOf } from '../cloud/cures.ts'
import type { ScaleDecision, ScaleWorld } from '../scale/world.ts'
import { cleanText } from '../store/clean.ts'
import { assertLeader } from '../store/leader.ts'
import type { HerdDeps } from './herd-deps.ts'

/**
 * The one sentence that people read about each pool: the decider's, with the cures of what EC2 refused until a person
 * acts; of a pool that EC2 told nothing about, that. Written only where it changes.
 */
export async function applyTells(deps: HerdDeps, epoch: number, world: ScaleWorld, decisions: readonly ScaleDecision[]): Promise<void> {
  const tells = new Map(decisions.flatMap((decision): [string, string][] => (decision.kind === 'tell' ? [[decision.pool, decision.text]] : [])))
  const spoken = [...tells].flatMap(([pool, text]) => (text === '' ? [] : [pool]))
  for (const [pool, cures] of await loadCures(deps, world, spoken)) tells.set(pool, `${tells.get(pool) ?? ''}. Cure: ${cures}`)
  for (const { name } of deps.pools) if (deps.facts.of(name) === null) tells.set(name, deps.facts.trouble(name) || 'EC2 is being asked about this pool')
  const notes = new Map(world.pools.map((pool) => [pool.policy.name, pool.note]))
  const changed = [...tells].filter(([pool, text]) => text !== notes.get(pool))
  if (changed.length === 0) return
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await sql`INSERT INTO pools AS p (name, note) SELECT * FROM unnest(${changed.map(([pool]) => pool)}::text[], ${changed.map(([, text]) => cleanText(text))}::text[])
      ON CONFLICT (name) DO UPDATE SET note = excluded.note`.execute(tx)
  })
  deps.wake('feed')
}

/** Capacity comes back by itself; of these a person must know what to do. */
const NEED_A_PERSON: readonly CloudFailure[] = ['quota', 'permission', 'parameters', 'not-found', 'unsupported']

async function loadCures(deps: HerdDeps, world: ScaleWorld, told: readonly string[]): Promise<Map<string, string>> {
  const pools = world.pools.filter((pool) => pool.dry.length > 0 && told.includes(pool.policy.name)).map((pool) => pool.policy.name)
  const cures = new Map<string, string>()
  if (pools.length === 0) return cures
  const { rows } = await sql<{ pool: string; kind: CloudFailure; code: string }>`SELECT DISTINCT pool, kind, code FROM dry_marks
    WHERE pool = ANY(${pools}::text[]) AND kind = ANY(${[...NEED_A_PERSON]}::text[]) AND until > ${deps.now()} ORDER BY pool, code`.execute(deps.db)
  for (const row of rows) {
    const cure = cureOf(row.kind, row.code)
    const before = cures.get(row.pool)
    if (before === undefined || !before.includes(cure)) cures.set(row.pool, before === undefined ? cure : `${before}; ${cure}`)
  }
  return cures
}
