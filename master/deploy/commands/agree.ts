import { createInterface } from 'node:readline/promises'
import { CliError, EXIT } from '../../cli/fail.ts'
import type { Invocation } from '../../cli/invocation.ts'
import type { Options } from './context.ts'

/** Asks on a terminal; without one --yes has to be given. */
export async function agree({ terminal, signal }: Invocation, options: Options, question: string): Promise<boolean> {
  if (options['yes'] === true) return true
  if (!process.stdin.isTTY || terminal.json) throw new CliError(EXIT.usage, 'this asks before it does anything, and there is no terminal to ask on', 'give --yes')
  const ask = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await ask.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    ask.close()
  }
}
