import { sql } from 'kysely'
import type { Db } from '../db.ts'

export interface CurveRow {
  trialId: number
  /** [steps, value], in order of steps */
  points: [number, number][]
}

export interface CurvesFilter {
  experimentId: number
  group: string
  metric: string
  smallerIsBetter: boolean
  /** the best so many trials; those without a value come last */
  trials: number
  /** at most about so many of each, evenly over what there is, the last one included */
  points: number
}

/** One metric of many trials: what a person compares a search by. Values that are no finite numbers are left out. */
export async function experimentCurves(db: Db, filter: CurvesFilter): Promise<CurveRow[]> {
  const { rows } = await sql<CurveRow>`
    WITH best AS (
      SELECT id, row_number() OVER (ORDER BY searcher_metric * ${filter.smallerIsBetter ? 1 : -1}::int NULLS LAST, id) AS place FROM trials WHERE experiment_id = ${filter.experimentId}
      ORDER BY place LIMIT ${filter.trials}
    ), numbered AS (
      SELECT m.trial_id, m.steps, (m.values->>${filter.metric})::float8 AS value, row_number() OVER (PARTITION BY m.trial_id ORDER BY m.steps, m.id) AS n, count(*) OVER (PARTITION BY m.trial_id) AS total
      FROM metrics m JOIN best b ON b.id = m.trial_id
      WHERE m."group" = ${filter.group} AND NOT m.replaced AND jsonb_typeof(m.values->${filter.metric}) = 'number'
    )
    SELECT b.id AS "trialId", coalesce(jsonb_agg(jsonb_build_array(n.steps, n.value) ORDER BY n.n) FILTER (WHERE n.steps IS NOT NULL), '[]') AS points
    FROM best b LEFT JOIN numbered n ON n.trial_id = b.id AND (n.n = n.total OR (n.n - 1) % greatest(1, ceil(n.total::float8 / ${filter.points}::int)::int) = 0)
    GROUP BY b.id, b.place ORDER BY b.place`.execute(db)
  return rows
}

/** Names of what was reported in each group, as far as a trial's newest reports tell. */
export async function experimentMetrics(db: Db, experimentId: number): Promise<{ group: string; metric: string }[]> {
  const { rows } = await sql<{ group: string; metric: string }>`
    SELECT DISTINCT m."group", k.key AS metric FROM trials t
    CROSS JOIN LATERAL (SELECT DISTINCT ON (x."group") x."group", x.values FROM metrics x WHERE x.trial_id = t.id ORDER BY x."group", x.steps DESC) m
    CROSS JOIN LATERAL jsonb_each(m.values) k
    WHERE t.id IN (SELECT id FROM trials WHERE experiment_id = ${experimentId} ORDER BY id LIMIT 20) AND jsonb_typeof(k.value) = 'number' ORDER BY 1, 2 LIMIT 500`.execute(db)
  return rows
}
