import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { CliError, EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'

interface Answer {
  data?: unknown
  errors?: { message: string; path?: (string | number)[] }[]
}

/** The public model in GraphQL's schema language. */
export async function printSchema({ client, terminal, signal }: Invocation): Promise<void> {
  const body = await (await client()).bytes('/graphql/schema.graphql', {}, signal)
  const sdl = await text(body)
  if (terminal.json) terminal.data({ sdl })
  else terminal.line(sdl.trimEnd())
}

/** Asks what a file, or standard input for `-`, says; prints the data as JSON. Exit 1 where the master refused or a part failed. */
export async function askGraphql({ client, terminal }: Invocation, file: string, variables: readonly string[]): Promise<number> {
  const query = file === '-' ? await text(process.stdin) : readQuery(file)
  const answer = await (await client()).post<Answer>('/graphql', { query, variables: Object.fromEntries(variables.map(variable)) })
  terminal.data(answer.data ?? null)
  for (const { message, path } of answer.errors ?? []) terminal.note(`${path === undefined ? '' : `${path.join('.')}: `}${message}`)
  return answer.errors === undefined ? EXIT.ok : EXIT.failed
}

function readQuery(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'name a file with a GraphQL query, or - for standard input')
  }
}

/** `name=value`; the value is JSON where it reads as such, else a text. */
function variable(given: string): [string, unknown] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(given) ?? []
  if (name === undefined || value === undefined) throw new CliError(EXIT.usage, `-v ${JSON.stringify(given)} is no variable`, 'write -v name=value')
  try {
    return [name, JSON.parse(value)]
  } catch {
    return [name, value]
  }
}
