/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2, denied: 3, unreachable: 4, interrupted: 130 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What went wrong in one line and what mends it in one line. Everything else that is thrown is a fault of our own. */
export class CliError extends Error {
  readonly exit: ExitCode
  readonly cure: string

  constructor(exit: ExitCode, message: string, cure: string) {
    super(message)
    this.name = 'CliError'
    this.exit = exit
    this.cure = cure
  }
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof CliError && error.exit === EXIT.unreachable
}
