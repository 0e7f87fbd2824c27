import { sql, type RawBuilder } from 'kysely'
import type { ApiCost } from '../../../protocol/wire/api.ts'
import type { ExitKind } from '../../../protocol/words/failures.ts'
import { costOf, type Cost } from '../../scale/cost.ts'
import type { InstanceLife, Stay } from '../../scale/life.ts'
import type { Db } from '../db.ts'

/** Rows inside `causes` and `stays` come as JSON; times are Unix milliseconds of the database's clock. */
interface LifeRow extends Omit<InstanceLife, 'allocations'> {
  stays: (Omit<Stay, 'outcome'> & { exit_kind: ExitKind | null; lost: boolean })[]
  now: number
}

const NOTHING: ApiCost = { total: 0, useful: 0, boot: 0, idle: 0, lost: 0 }
/** Whose task is of no experiment: it holds its slots, and is asked for by nobody. */
const NO_EXPERIMENT = 0

/** What each of the instances has cost so far; one statement for all. */
export async function instanceCosts(db: Db, ids: readonly string[]): Promise<(id: string) => ApiCost> {
  const costs = new Map<string, ApiCost>()
  if (ids.length > 0) {
    const { lives, now } = await loadLives(db, sql`i.id = ANY(${[...ids]}::text[])`)
    for (const one of costOf(lives, now).instances) costs.set(one.id, shapeOf(one))
  }
  return (id) => costs.get(id) ?? NOTHING
}

/** What the experiment is charged so far: of every instance that it ran on or that was launched for it. */
export async function experimentCost(db: Db, experimentId: number): Promise<ApiCost> {
  const own = sql`SELECT a.id FROM tasks k JOIN allocations a ON a.task_id = k.id WHERE k.experiment_id = ${experimentId}`
  const { lives, now } = await loadLives(db, sql`i.id IN (SELECT m.agent_id FROM allocation_members m WHERE m.allocation_id IN (${own})
    UNION SELECT y.id FROM launches x CROSS JOIN LATERAL jsonb_array_elements_text(x.allocations) asked JOIN instances y ON y.launch_id = x.id WHERE asked IN (${own}))`)
  const charged = costOf(lives, now).experiments.find((one) => one.experiment === experimentId)
  return charged ? shapeOf(charged) : NOTHING
}

async function loadLives(db: Db, which: RawBuilder<unknown>): Promise<{ lives: InstanceLife[]; now: number }> {
  const { rows } = await sql<LifeRow>`
    SELECT i.id, ${millis('i.launched_at')} AS "launchedAt", ${millis('i.registered_at')} AS "registeredAt", ${millis('i.gone_at')} AS "goneAt", i.per_hour AS "perHour", i.slots,
      coalesce(c.rows, '[]') AS causes, coalesce(s.rows, '[]') AS stays, ${millis('now()')} AS now
    FROM instances i JOIN launches l ON l.id = i.launch_id
    LEFT JOIN LATERAL (SELECT jsonb_agg(one.cause) AS rows FROM jsonb_array_elements_text(l.allocations) x (id)
      CROSS JOIN LATERAL (SELECT jsonb_build_object('experiment', k.experiment_id, 'slots', a.slots) AS cause
        FROM allocations a JOIN tasks k ON k.id = a.task_id WHERE a.id = x.id AND k.experiment_id IS NOT NULL LIMIT 1) one) c ON true
    LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('allocation', a.id, 'experiment', coalesce(k.experiment_id, ${NO_EXPERIMENT}), 'slots', jsonb_array_length(m.slot_ids),
        'assignedAt', ${millis('a.assigned_at')}, 'endedAt', ${millis('coalesce(a.ended_at, a.sealed_at)')}, 'exit_kind', a.exit_kind, 'lost', m.lost,
        'committedAt', (SELECT ${millis('max(p.declared_at)')} FROM checkpoints p WHERE p.trial_id = t.id AND p.state IN ('COMPLETED', 'DELETED') AND p.allocation_id = a.id)) ORDER BY a.assigned_at, a.id) AS rows
      FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id JOIN tasks k ON k.id = a.task_id LEFT JOIN trials t ON t.task_id = k.id
      WHERE m.agent_id = i.id AND a.assigned_at IS NOT NULL) s ON true
    WHERE ${which} ORDER BY i.id`.execute(db)
  const lives = rows.map(({ stays, now: _, ...life }) => ({ ...life, allocations: stays.map(({ exit_kind, lost, ...stay }) => ({ ...stay, outcome: outcomeOf(stay.endedAt, exit_kind, lost) })) }))
  return { lives, now: rows[0]?.now ?? 0 }
}

function outcomeOf(endedAt: number | null, exit: ExitKind | null, lost: boolean): Stay['outcome'] {
  if (lost) return 'lost'
  if (endedAt === null) return 'running'
  if (exit === 'completed') return 'completed'
  if (exit === 'preempted') return 'saved'
  return exit === null || exit === 'lost' || exit === 'vanished' || exit === 'agent-error' || exit === 'stopped' ? 'lost' : 'failed'
}

/** Column names of this file only, never a value. */
function millis(expression: string): RawBuilder<number> {
  return sql`(extract(epoch FROM ${sql.raw(expression)}) * 1000)::float8`
}

function shapeOf({ total, useful, boot, idle, lost }: Cost): ApiCost {
  return { total, useful, boot, idle, lost }
}
