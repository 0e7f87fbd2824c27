import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { login, type Client } from './client.ts'
import { accepts, freePort } from '../../images/local/processes.ts'
import { startProgram, until, type Program } from './processes.ts'

/** A whole cluster of real programs on loopback, each of which a test may kill: Postgres, nats-server, master, agents. */
export interface Stack {
  dir: string
  url: string
  agentUrl: string
  /** for any agent */
  joinToken: string
  agentId: string
  natsPort: number
  databaseUrl: string
  client: Client
  postgres: Program
  nats: Program
  master: Program
  /** with `agents: 0` it does nothing */
  agent: Program
  dockerHost: string
  docker(...args: string[]): string
  /** Another master on the same database and state directory; it ends with the stack. */
  addMaster(): Promise<AddedMaster>
  stop(): Promise<void>
}

export interface AddedMaster {
  program: Program
  url: string
  agentPort: number
  logFile: string
}

export interface StackOptions {
  /** default: a directory bucket below `dir` */
  bucket?: string
  env?: Record<string, string>
  cpuSlots?: number
  /** the master's configuration file, beside what the rig gives it by its environment */
  yaml?: string
  /** default 1 */
  agents?: 0 | 1
  /** of nats-server; default: a free one */
  natsPort?: number
}

const REPO = resolve(import.meta.dirname, '../..')
const MASTER = join(REPO, 'dist/drover-master.mjs')
const AGENT = join(REPO, 'dist/drover-agent.mjs')
export const PASSWORD = 'drover-test-1'
const NO_PROGRAM: Program = { pid: 0, kill: async () => undefined, start: async () => undefined, running: () => false }

/** Null where a real part is missing; `reason` is printed by the skipping test. */
export function missingParts(): string | null {
  if (!process.env['DROVER_TEST_DOCKER']) return 'DROVER_TEST_DOCKER is not set: no Docker Engine to test with'
  if (!process.env['DROVER_TEST_NATS_SERVER']) return 'DROVER_TEST_NATS_SERVER is not set: no nats-server to test with'
  if (!process.env['DROVER_TEST_PG_BIN']) return 'DROVER_TEST_PG_BIN is not set: no Postgres binaries to test with'
  if (!existsSync(MASTER)) return 'dist/ is not built: npm run build'
  return null
}

/** Every program that is part of it ends with it, also where a later one does not come up. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-flow-'))
  const started: [program: Program, signal: NodeJS.Signals][] = []
  const begin = async (program: Promise<Program>, signal: NodeJS.Signals = 'SIGTERM'): Promise<Program> => {
    const one = await program
    started.unshift([one, signal])
    return one
  }
  const end = async (): Promise<void> => {
    for (const [program, signal] of started) await program.kill(signal)
    if (process.env['DROVER_TEST_KEEP']) process.stderr.write(`kept ${dir}\n`)
    else rmSync(dir, { recursive: true, force: true })
  }
  try {
    return await beginStack(options, dir, begin, end)
  } catch (error) {
    await end()
    throw error
  }
}

async function beginStack(options: StackOptions, dir: string, begin: (program: Promise<Program>, signal?: NodeJS.Signals) => Promise<Program>, end: () => Promise<void>): Promise<Stack> {
  const dockerHost = process.env['DROVER_TEST_DOCKER'] ?? ''
  const [pgPort, natsPort, httpPort, agentPort] = await Promise.all([freePort(), options.natsPort ?? freePort(), freePort(), freePort()])
  const masterDir = join(dir, 'master')
  const env = {
    PATH: process.env['PATH'], HOME: dir, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1',
    DROVER_LISTEN: `127.0.0.1:${httpPort}`, DROVER_AGENT_LISTEN: `127.0.0.1:${agentPort}`, DROVER_STATE_DIR: masterDir,
    DROVER_DB_URL: `postgres://postgres@127.0.0.1:${pgPort}/postgres`, DROVER_NATS_URL: `nats://127.0.0.1:${natsPort}`,
    DROVER_INITIAL_PASSWORD: PASSWORD, DROVER_BUCKET: options.bucket ?? `file://${dir}/bucket`, DROVER_LOG_LEVEL: 'debug', ...options.env,
    ...(options.yaml === undefined ? {} : { DROVER_CONFIG: join(dir, 'master.yaml') }),
  }
  if (options.yaml !== undefined) writeFileSync(join(dir, 'master.yaml'), options.yaml)
  const node = process.execPath
  const postgres = await begin(startPostgres(dir, pgPort), 'SIGINT')
  const conf = execFileSync(node, [MASTER, 'nats-config', '--state-dir', masterDir, '--listen', `127.0.0.1:${natsPort}`], { env, encoding: 'utf8' })
  writeFileSync(join(dir, 'nats.conf'), conf)
  const nats = await begin(startProgram({ name: 'nats-server', command: process.env['DROVER_TEST_NATS_SERVER'] ?? '', args: ['-c', join(dir, 'nats.conf')], env, logFile: join(dir, 'nats.log'), ready: () => accepts(natsPort) }))
  const url = `http://127.0.0.1:${httpPort}`
  const startMaster = (name: string, at: string, more: Record<string, string> = {}): Promise<Program> =>
    begin(startProgram({ name, command: node, args: [MASTER], env: { ...env, ...more }, logFile: join(dir, `${name}.log`), ready: async () => (await fetch(`${at}/health`)).ok }))
  const master = await startMaster('master', url)
  const joinToken = execFileSync(node, [MASTER, 'join-token', '--state-dir', masterDir], { env, encoding: 'utf8' }).trim()
  const client = await login(url, 'admin', PASSWORD)
  const agentId = `flow-${natsPort}`
  const agentUrl = `https://127.0.0.1:${agentPort}`
  const agentEnv = { ...env, DROVER_STATE_DIR: join(dir, 'agent'), DROVER_MASTER_URL: agentUrl, DROVER_JOIN_TOKEN: joinToken, DROVER_AGENT_ID: agentId, DROVER_CPU_SLOTS: String(options.cpuSlots ?? 2), DOCKER_HOST: dockerHost, MALLOC_ARENA_MAX: '1' }
  const agent = options.agents === 0 ? NO_PROGRAM : await begin(startProgram({ name: 'agent', command: node, args: [AGENT], logFile: join(dir, 'agent.log'), env: agentEnv, ready: async () => true }))
  if (options.agents !== 0) await until('the agent is listed', 30_000, async () => (await client.get<{ agents: { id: string }[] }>('/api/v1/agents')).agents.some((found) => found.id === agentId))
  const docker = (...args: string[]): string => execFileSync('docker', args, { env: { PATH: process.env['PATH'], DOCKER_HOST: dockerHost }, encoding: 'utf8' }).trim()
  return {
    dir, url, agentUrl, joinToken, agentId, natsPort, databaseUrl: env.DROVER_DB_URL, client, postgres, nats, master, agent, dockerHost, docker,
    async addMaster() {
      const [http, port] = await Promise.all([freePort(), freePort()])
      const program = await startMaster('master-2', `http://127.0.0.1:${http}`, { DROVER_LISTEN: `127.0.0.1:${http}`, DROVER_AGENT_LISTEN: `127.0.0.1:${port}` })
      return { program, url: `http://127.0.0.1:${http}`, agentPort: port, logFile: join(dir, 'master-2.log') }
    },
    async stop() {
      await agent.kill('SIGTERM')
      for (const label of ['drover.agent', 'drover.sandbox']) {
        const left = docker('ps', '-aq', '--filter', `label=${label}=${agentId}`).split('\n').filter((id) => id !== '')
        if (left.length > 0) docker('rm', '-f', ...left)
      }
      await end()
    },
  }
}

/** Postgres refuses to run as root: it gets an unprivileged owner and world-readable binaries. */
async function startPostgres(dir: string, port: number): Promise<Program> {
  const bin = process.env['DROVER_TEST_PG_BIN'] ?? ''
  const data = join(dir, 'pg')
  const user = process.getuid?.() === 0 ? idOf('nobody') : null
  mkdirSync(data, { mode: 0o700 })
  execFileSync('chmod', ['755', dir])
  if (user) chownSync(data, user.uid, user.gid)
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
  const as = user ? { uid: user.uid, gid: user.gid } : {}
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], { env, cwd: '/', stdio: 'ignore', ...as })
  const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`]
  return startProgram({ name: 'postgres', command: join(bin, 'postgres'), args, env, logFile: join(dir, 'postgres.log'), ...as, ready: () => answersQueries(port) })
}

function idOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((row) => row.startsWith(`${name}:`))?.split(':')
  if (!line) throw new Error(`there is no user ${name}`)
  return { uid: Number(line[2]), gid: Number(line[3]) }
}

async function answersQueries(port: number): Promise<boolean> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

