import type pg from 'pg'

/** Distinct statements that one connection keeps prepared; those of lists of changing length would have no end. */
const STATEMENTS_MAX = 300
const PARAMETERS_MAX = 24

/**
 * Makes a connection plan each statement once instead of at every call: planning costs more than running most of ours.
 * Kysely gives statements no names, so the text's own number becomes the name.
 */
export function prepareStatements(client: pg.PoolClient): void {
  const names = new Map<string, string>()
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const prepared = (...args: unknown[]): unknown => {
    const [text, values, ...rest] = args
    if (typeof text !== 'string' || !Array.isArray(values) || values.length === 0 || values.length > PARAMETERS_MAX || rest.length > 0) return query(...args)
    const name = nameOf(names, text)
    return name === null ? query(text, values) : query({ name, text, values })
  }
  client.query = prepared as typeof client.query
}

function nameOf(names: Map<string, string>, text: string): string | null {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= STATEMENTS_MAX) return null
  const name = `s${names.size + 1}`
  names.set(text, name)
  return name
}
