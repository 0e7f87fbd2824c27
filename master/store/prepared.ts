import type pg from 'pg'
import { isStalePlan } from './failures.ts'

/** Distinct statements that one connection keeps prepared; those of lists of changing length would have no end. */
const STATEMENTS_MAX = 300
const PARAMETERS_MAX = 24
/** A plan that was made while a table was small reads all of it when it has grown: plans are made anew this often. */
const PLANS_MS_MAX = 2_000

/**
 * Makes a connection plan each statement once instead of at every call: planning costs more than running most of ours.
 * Kysely gives statements no names, so the text's own number becomes the name. Where a newer master changed a table, the
 * plan is stale: that call fails as transient, the next one plans anew.
 */
export function prepareStatements(client: pg.PoolClient): void {
  const names = new Map<string, string>()
  let made = 0
  let plannedAt = performance.now()
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const nameOf = (text: string): string | null => {
    const known = names.get(text)
    if (known !== undefined || names.size >= STATEMENTS_MAX) return known ?? null
    made += 1
    names.set(text, `s${made}`)
    return `s${made}`
  }
  /** In a transaction that has failed plans cannot be forgotten either: the statement itself then says why. */
  const afresh = async (run: () => unknown): Promise<unknown> => {
    plannedAt = performance.now()
    return Promise.resolve(query('DISCARD PLANS')).then(run, run)
  }
  const prepared = (...args: unknown[]): unknown => {
    const [text, values, ...rest] = args
    if (typeof text !== 'string' || !Array.isArray(values) || values.length === 0 || values.length > PARAMETERS_MAX || rest.length > 0) return query(...args)
    const name = nameOf(text)
    if (name === null) return query(text, values)
    const run = (): unknown => query({ name, text, values })
    const answer = performance.now() - plannedAt > PLANS_MS_MAX ? afresh(run) : run()
    if (answer instanceof Promise) answer.catch((error: unknown) => void (isStalePlan(error) && names.delete(text)))
    return answer
  }
  client.query = prepared as typeof client.query
}
