import { parseArgs } from 'node:util'

export const HELP = `drover-master: takes experiments, assigns them to agents, commits what they report.

  drover-master                                             serve until SIGTERM
  drover-master nats-config --state-dir DIR --listen H:P    print a nats-server configuration (keys are made once)
  drover-master join-token --state-dir DIR                  print the token with which agents enrol
  drover-master --version | --help

Settings: the file named by DROVER_CONFIG, and over it the environment: DROVER_LISTEN, DROVER_AGENT_LISTEN, DROVER_AGENT_URL,
DROVER_STATE_DIR, DROVER_DB_URL, DROVER_NATS_URL, DROVER_INITIAL_PASSWORD, DROVER_BUCKET, DROVER_CLUSTER_NAME, DROVER_WEB_DIR,
DROVER_LOG_LEVEL. ARCHITECTURE.md says what each is.
`

export type Command =
  | { kind: 'serve' } | { kind: 'help' } | { kind: 'version' }
  | { kind: 'nats-config'; stateDir: string; listen: string }
  | { kind: 'join-token'; stateDir: string }

/** The command line is not understood; the message names the cure. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export function readArguments(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parsed(args)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  const [name = 'serve', ...rest] = positionals
  if (rest.length > 0) throw new UsageError(`unexpected ${JSON.stringify(rest[0])}: see drover-master --help`)
  const stateDir = values['state-dir'] ?? env['DROVER_STATE_DIR'] ?? '/var/lib/drover-master'
  if (name === 'serve') return { kind: 'serve' }
  if (name === 'join-token') return { kind: 'join-token', stateDir }
  if (name !== 'nats-config') throw new UsageError(`unknown command ${JSON.stringify(name)}: serve, nats-config or join-token; see drover-master --help`)
  const listen = values.listen ?? '127.0.0.1:4222'
  if (!/^[A-Za-z0-9.:[\]-]+:\d{1,5}$/.test(listen)) throw new UsageError(`--listen ${JSON.stringify(listen)}: write host:port, for example 127.0.0.1:4222`)
  return { kind: 'nats-config', stateDir, listen }
}

function parsed(args: readonly string[]): { values: { help?: boolean; version?: boolean; 'state-dir'?: string; listen?: string }; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args], allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' }, 'state-dir': { type: 'string' }, listen: { type: 'string' } },
    })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}; see drover-master --help`)
  }
}
