import { readFileSync } from 'node:fs'
import { DROVER_VERSION } from '../protocol/wire/version.ts'
import { HELP, readArguments, UsageError } from './arguments.ts'
import { createApi } from './api/server.ts'
import { ensureFirstUsers } from './api/users-first.ts'
import { runMaster } from './compose.ts'
import { ConfigError, readConfig } from './config.ts'
import { joinToken } from './identity/join-token.ts'
import { natsConfig } from './identity/nats-config.ts'
import { loadNatsKeys } from './identity/nats-keys.ts'

async function main(): Promise<void> {
  const { env } = process
  const command = readArguments(process.argv.slice(2), env)
  if (command.kind === 'help') process.stdout.write(HELP)
  if (command.kind === 'version') process.stdout.write(`${DROVER_VERSION}\n`)
  if (command.kind === 'nats-config') process.stdout.write(await natsConfig(await loadNatsKeys(command.stateDir), command.listen))
  if (command.kind === 'join-token') process.stdout.write(`${await joinToken(command.stateDir, Date.now())}\n`)
  if (command.kind !== 'serve') return
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  const file = env['DROVER_CONFIG']
  await runMaster(readConfig(file ? readFileSync(file, 'utf8') : '', env, process.pid), stop.signal, { createApi, ensureFirstUsers })
}

try {
  await main()
} catch (error) {
  const known = error instanceof ConfigError || error instanceof UsageError || (error instanceof Error && 'code' in error)
  process.stderr.write(`drover-master: ${error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
