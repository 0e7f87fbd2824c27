import type { ReadStream } from 'node:tty'
import { createClient } from '../client.ts'
import { CliError, EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'
import { askPassword, readPassword } from '../prompt.ts'
import { logIn } from '../session.ts'

interface Me {
  user: { id: number; username: string; admin?: boolean; displayName?: string }
}

export async function login(invocation: Invocation, named: string | undefined, fromStdin: boolean): Promise<void> {
  const user = named || invocation.user || invocation.env['DROVER_USER'] || ''
  if (user === '') throw new CliError(EXIT.usage, 'no user is named', 'write: drover login <user>, or set DROVER_USER')
  const password = await passwordFor(invocation, user, fromStdin)
  await logIn({ master: invocation.master, user, password, credentials: invocation.credentials, signal: invocation.signal })
  if (invocation.terminal.json) invocation.terminal.data({ master: invocation.master, user })
  else invocation.terminal.line(`logged in at ${invocation.master} as ${user}`)
}

async function passwordFor(invocation: Invocation, user: string, fromStdin: boolean): Promise<string> {
  if (fromStdin) return readPassword(process.stdin)
  const fromEnv = invocation.env['DROVER_PASS']
  if (fromEnv !== undefined) return fromEnv
  if (process.stdin.isTTY) return askPassword(process.stdin as ReadStream, process.stderr, `Password for ${user} at ${invocation.master}: `)
  throw new CliError(EXIT.usage, 'no password is at hand and there is no terminal to ask on', 'use --password-stdin or set DROVER_PASS')
}

export async function logout(invocation: Invocation): Promise<void> {
  const kept = await invocation.credentials.find(invocation.master, invocation.user)
  if (kept === null) {
    invocation.terminal.note(`not logged in at ${invocation.master}`)
    return
  }
  await invocation.credentials.drop(invocation.master, kept.user)
  const client = createClient({ master: invocation.master, token: kept.token, signal: invocation.signal })
  await client.post('/api/v1/auth/logout', {}).catch((error: unknown) => {
    // a session that the master has ended already is what was asked for
    if (!(error instanceof CliError) || error.exit !== EXIT.denied) throw error
  })
  invocation.terminal.line(`logged out ${kept.user} at ${invocation.master}`)
}

export async function whoami(invocation: Invocation): Promise<void> {
  const client = await invocation.client()
  const { user } = await client.get<Me>('/api/v1/me')
  if (invocation.terminal.json) invocation.terminal.data({ master: invocation.master, user })
  else invocation.terminal.line(`${user.username}${user.admin === true ? ' (administrator)' : ''} at ${invocation.master}`)
}
