import { CommanderError } from 'commander'
import { CliError, EXIT } from './fail.ts'
import { neutralText } from './neutral.ts'
import { createProgram } from './program.ts'
import { ExitRequest } from './program-leaf.ts'

/** Reads the arguments, runs one command and says how it ended. Nothing below calls `process.exit`. */
async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    await createProgram(stop.signal).parseAsync(argv as string[])
    return EXIT.ok
  } catch (error) {
    return exitOf(error, stop.signal.aborted)
  }
}

function exitOf(error: unknown, interrupted: boolean): number {
  if (error instanceof ExitRequest) return error.code
  // commander has printed its own text already
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (interrupted && !(error instanceof CliError && error.exit === EXIT.interrupted)) return EXIT.interrupted
  if (error instanceof CliError) {
    process.stderr.write(`drover: ${neutralText(error.message)}\n  ${neutralText(error.cure)}\n`)
    return error.exit
  }
  process.stderr.write(`drover: unexpected fault: ${neutralText(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n  please report this with the command that you ran\n`)
  return EXIT.failed
}

// A reader that goes away (`drover events | head`) is no mistake of anybody's.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
  })
}

process.exitCode = await main(process.argv)
