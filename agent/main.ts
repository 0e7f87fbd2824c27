import { DROVER_VERSION } from '../protocol/wire/version.ts'
import { runAgent } from './compose.ts'
import { ConfigError, readConfig } from './config.ts'
import { MasterRefused } from './identity/https.ts'

const HELP = `drover-agent: the daemon on each GPU machine. Settings come from the environment:
  DROVER_MASTER_URL, DROVER_JOIN_TOKEN, DROVER_AGENT_ID, DROVER_POOL, DROVER_STATE_DIR, DOCKER_HOST, DROVER_CPU_SLOTS, DROVER_LOG_LEVEL
  drover-agent            serve until SIGTERM; containers run on
  drover-agent --version  print the version
`

const [argument] = process.argv.slice(2)
if (argument === '--version') process.stdout.write(`${DROVER_VERSION}\n`)
else if (argument !== undefined) {
  process.stdout.write(HELP)
  process.exitCode = argument === '--help' ? 0 : 2
} else {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    await runAgent(readConfig(process.env), stop.signal)
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError || error instanceof MasterRefused ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  }
  if (!stop.signal.aborted) process.exitCode = 1
}
