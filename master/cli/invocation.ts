import type { Client } from './client.ts'
import { credentialsPath, openCredentials } from './credentials.ts'
import type { Credentials } from './credentials.ts'
import { CliError, EXIT } from './fail.ts'
import { openSession } from './session.ts'
import { createTerminal } from './terminal.ts'
import type { Terminal } from './terminal.ts'

/** Options every command takes. */
export interface GlobalOptions {
  master?: string
  user?: string
  output?: string
}

/** What a command is run with: the only place where environment and streams are read. */
export interface Invocation {
  master: string
  user: string | null
  env: NodeJS.ProcessEnv
  terminal: Terminal
  credentials: Credentials
  signal: AbortSignal
  /** logs in as needed */
  client(): Promise<Client>
}

const FORMATS = ['table', 'json']

export function createInvocation(options: GlobalOptions, signal: AbortSignal): Invocation {
  const { env } = process
  const output = options.output ?? 'table'
  if (!FORMATS.includes(output)) throw new CliError(EXIT.usage, `unknown output format ${JSON.stringify(output)}`, `use -o ${FORMATS.join(' or -o ')}`)
  const master = masterAddress(options.master ?? (env['DROVER_MASTER'] || env['DET_MASTER'] || 'http://127.0.0.1:8080'))
  const user = options.user ?? null
  const credentials = openCredentials(credentialsPath(env))
  return {
    master, user, env, credentials, signal,
    terminal: createTerminal({ stdout: process.stdout, stderr: process.stderr, json: output === 'json', capable: env['TERM'] !== 'dumb', nowMs: () => performance.now() }),
    client: () => openSession({ master, user, env, credentials, signal }),
  }
}

/** `host:port` means http; a path is kept, a closing slash is not. */
export function masterAddress(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '' || url.search !== '') {
    throw new CliError(EXIT.usage, `${JSON.stringify(text)} is no address of a master`, 'write it as http://host:port or https://host')
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}
