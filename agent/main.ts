import './memory.ts'
import { hostname } from 'node:os'
import { realClock } from '../protocol/kit/clock.ts'
import { DROVER_VERSION } from '../protocol/wire/version.ts'
import { ConfigError } from './config.ts'
import { StartupError } from './host/startup-script.ts'
import { EnrollError } from './identity/enroll.ts'
import { loadConfig } from './load-config.ts'

const HELP = `drover-agent: the daemon on each GPU machine. Serves until SIGTERM or SIGINT; containers run on.

  drover-agent [serve]    serve
  drover-agent gpus       print the GPUs of this machine as JSON
  drover-agent gpus --from FILE  print what FILE, any output of nvidia-smi, says; - is stdin
  drover-agent --version  print the version
  drover-agent --help     print this

Settings come from the environment: DROVER_MASTER_URL, DROVER_JOIN_TOKEN (first start only), DROVER_AGENT_ID,
DROVER_POOL, DROVER_STATE_DIR, DOCKER_HOST, DROVER_CPU_SLOTS, DROVER_GANG_NETWORK,
DROVER_ADVERTISE_ADDRESS, DROVER_LOG_LEVEL. With DROVER_CLOUD=ec2 what they do not set
comes from the instance's user data; then also DROVER_DEADMAN_MINUTES, DROVER_POWEROFF_COMMAND.
`

process.exitCode = await run(process.argv.slice(2))
// a dial to NATS that never came to stand would keep the process alive
setTimeout(() => process.exit(), 2_000).unref()

async function run(args: readonly string[]): Promise<number> {
  if (args[0] === '--version') return say(DROVER_VERSION)
  if (args[0] === '--help') return say(HELP.trimEnd())
  if (args[0] === 'gpus') {
    const { gpusCommand } = await import('./gpus.ts')
    return tell(await gpusCommand(args.slice(1)))
  }
  if (args[0] !== undefined && args[0] !== 'serve') return say(`drover-agent: unknown argument ${JSON.stringify(args[0])}, see drover-agent --help`, 2)
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  try {
    const config = await loadConfig(process.env, { hostname: hostname(), clock: realClock, random: Math.random, say: (line) => void say(line, 1), signal: stop.signal })
    if (config === null) return 0
    // the AWS SDK does not ask the metadata service for the region
    if (config.ec2 !== null) process.env['AWS_REGION'] ||= config.ec2.region
    const { runAgent } = await import('./compose.ts')
    await runAgent(config, stop.signal)
    return 0
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StartupError || error instanceof EnrollError) return say(`drover-agent: ${error.message}`, 1)
    throw error
  }
}

function say(text: string, code = 0): number {
  ;(code === 0 ? process.stdout : process.stderr).write(`${text}\n`)
  return code
}

function tell(answer: { code: number; out: string; err: string }): number {
  process.stdout.write(answer.out)
  process.stderr.write(answer.err)
  return answer.code
}
