import type { Command } from 'commander'
import { CliError, EXIT } from './fail.ts'
import { createInvocation } from './invocation.ts'
import type { GlobalOptions, Invocation } from './invocation.ts'

export type OptionValues = Readonly<Record<string, unknown>>
/** The arguments are those the command declares, in order; absent optional ones are empty text. */
export type Action = (invocation: Invocation, args: readonly string[], options: OptionValues) => Promise<number | void>
export type Runner = (action: Action) => (this: Command) => Promise<void>

/** Options each command takes. `output: false` where the command has an -o of its own. */
export function leaf(command: Command, { output = true } = {}): Command {
  command
    .option('-m, --master <address>', 'address of the master')
    .option('-u, --user <name>', 'user to act as')
  return output ? command.option('-o, --output <format>', 'table or json') : command.option('--output <format>', 'table or json')
}

/** The exit code a command asked for, thrown through commander to the entry. */
export class ExitRequest extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

export function runner(signal: AbortSignal): Runner {
  return (action) =>
    async function (this: Command) {
      const options = optionsOf(this)
      const invocation = createInvocation(options, signal)
      try {
        const code = await action(invocation, this.processedArgs.flat().map((one) => (one === undefined ? '' : String(one))), options)
        if (typeof code === 'number' && code !== EXIT.ok) throw new ExitRequest(code)
      } finally {
        invocation.terminal.close()
      }
    }
}

/** Options of the command over those given before it: `drover -m URL experiment list`. */
function optionsOf(command: Command): OptionValues & GlobalOptions {
  const own = command.opts<OptionValues & GlobalOptions>()
  return command.parent === null ? own : { ...optionsOf(command.parent), ...own }
}

/** An id as people type it. */
export function idOf(text: string | undefined, what: string): number {
  if (text !== undefined && /^[1-9][0-9]{0,14}$/.test(text)) return Number(text)
  throw new CliError(EXIT.usage, `${JSON.stringify(text ?? '')} is no ${what} id`, `write a whole number; lists show the ids`)
}

/** An optional whole number, as `--limit 20`. */
export function countOf(value: unknown, option: string, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'string' && /^[0-9]{1,9}$/.test(value)) return Number(value)
  throw new CliError(EXIT.usage, `${option} ${JSON.stringify(value)} is no number`, `write a whole number after ${option}`)
}

export function textOption(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function listOption(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}
