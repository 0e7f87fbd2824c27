import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { removeContainers, startEngine } from './engine.ts'
import { startPostgres } from './postgres.ts'
import { accepts, endLeftovers, freePort, ready, rememberPids, startChild, type Child } from './processes.ts'

/** What a person or a test needs to reach the cluster; written to `.drover/run.json`. */
export interface Run {
  masterUrl: string
  user: string
  password: string
  natsUrl: string
  databaseUrl: string
  bucketUrl: string
  dockerHost: string
  pids: Record<string, number>
}

export interface ClusterOptions {
  stateDir: string
  postgresHome: string
  natsServer: string
  /** the Docker Engine that runs already; null: one of our own is started */
  dockerHost: string | null
  /** told before and after each phase */
  phase: <T>(name: string, work: () => Promise<T>) => Promise<T>
}

export interface Cluster {
  run: Run
  stop(): Promise<void>
}

const DIST = resolve(import.meta.dirname, '../../dist')

/**
 * Starts what the environment does not provide (DOCKER_HOST, DROVER_DB_URL, DROVER_NATS_URL, DROVER_BUCKET), then master
 * and agent. `stop` ends it in reverse order and leaves no process, container, network or listener.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { stateDir, phase } = options
  const children: Child[] = []
  const tag = createHash('sha256').update(stateDir).digest('hex').slice(0, 8)
  const runDir = join('/run', `drover-${tag}`)
  const agentId = `local-${tag}`
  let dockerHost = options.dockerHost
  mkdirSync(join(stateDir, 'logs'), { recursive: true })
  mkdirSync(runDir, { recursive: true })
  await endLeftovers(stateDir)
  const begun = (child: Child): Child => {
    children.push(child)
    rememberPids(stateDir, children)
    return child
  }
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.name === 'dockerd' && dockerHost) removeContainers(dockerHost, agentId)
      await child.stop()
    }
    if (options.dockerHost) removeContainers(options.dockerHost, agentId)
    for (const name of ['run.json', 'pids.json']) rmSync(join(stateDir, name), { force: true })
    rmSync(runDir, { recursive: true, force: true })
  }
  try {
    dockerHost ??= await phase('Docker Engine, in a network namespace of its own', async () => {
      const engine = await startEngine(stateDir, runDir)
      begun(engine.child)
      return engine.host
    })
    const databaseUrl = process.env['DROVER_DB_URL'] ?? (await phase('Postgres', async () => {
      const postgres = await startPostgres(options.postgresHome, `/var/lib/drover-local/${tag}`, stateDir)
      begun(postgres.child)
      return postgres.url
    }))
    const [httpPort, agentPort, natsPort] = [await freePort(8080), await freePort(8443), await freePort(4222)]
    const masterDir = process.env['DROVER_STATE_DIR'] ?? join(stateDir, 'master')
    const password = initialPassword(stateDir)
    const bucketUrl = process.env['DROVER_BUCKET'] ?? `file://${join(stateDir, 'bucket')}`
    const natsUrl = process.env['DROVER_NATS_URL'] ?? `nats://127.0.0.1:${natsPort}`
    const env = {
      ...process.env, DROVER_LISTEN: `127.0.0.1:${httpPort}`, DROVER_AGENT_LISTEN: `127.0.0.1:${agentPort}`, DROVER_STATE_DIR: masterDir, DROVER_DB_URL: databaseUrl,
      DROVER_NATS_URL: natsUrl, DROVER_INITIAL_PASSWORD: password, DROVER_BUCKET: bucketUrl, DROVER_WEB_DIR: join(DIST, 'web'), DROVER_CLUSTER_NAME: 'local',
    }
    if (!process.env['DROVER_NATS_URL']) {
      await phase('NATS', async () => {
        const conf = join(stateDir, 'nats.conf')
        writeFileSync(conf, master(['nats-config', '--state-dir', masterDir, '--listen', `127.0.0.1:${natsPort}`], env), { mode: 0o600 })
        const logFile = join(stateDir, 'logs/nats.log')
        await ready(begun(startChild({ name: 'nats-server', command: options.natsServer, args: ['-c', conf], env, logFile })), logFile, 20_000, () => accepts(natsPort))
      })
    }
    const masterUrl = `http://127.0.0.1:${httpPort}`
    await phase('master', async () => {
      const logFile = join(stateDir, 'logs/master.log')
      await ready(begun(startChild({ name: 'master', command: process.execPath, args: [join(DIST, 'drover-master.mjs')], env, logFile })), logFile, 40_000, async () => (await fetch(`${masterUrl}/health`)).ok)
    })
    await phase('agent', async () => {
      const joinToken = master(['join-token', '--state-dir', masterDir], env).trim()
      const logFile = join(stateDir, 'logs/agent.log')
      const agentEnv = { ...process.env, DROVER_MASTER_URL: `https://127.0.0.1:${agentPort}`, DROVER_JOIN_TOKEN: joinToken, DROVER_AGENT_ID: agentId, DROVER_STATE_DIR: join(stateDir, 'agent'), DOCKER_HOST: dockerHost ?? '', DROVER_CPU_SLOTS: process.env['DROVER_CPU_SLOTS'] ?? '1' }
      const agent = begun(startChild({ name: 'agent', command: process.execPath, args: [join(DIST, 'drover-agent.mjs')], env: agentEnv, logFile }))
      await ready(agent, logFile, 40_000, () => listsAgent(masterUrl, password, agentId))
    })
    const pids = Object.fromEntries(children.map((child) => [child.name, child.pid]))
    const run: Run = { masterUrl, user: 'determined', password, natsUrl, databaseUrl, bucketUrl, dockerHost, pids }
    writeFileSync(join(stateDir, 'run.json'), `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 })
    return { run, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function master(args: string[], env: NodeJS.ProcessEnv): string {
  return execFileSync(process.execPath, [join(DIST, 'drover-master.mjs'), ...args], { env, encoding: 'utf8' })
}

function initialPassword(stateDir: string): string {
  const path = join(stateDir, 'password')
  if (!existsSync(path)) writeFileSync(path, process.env['DROVER_INITIAL_PASSWORD'] ?? randomBytes(9).toString('base64url'), { mode: 0o600 })
  return readFileSync(path, 'utf8').trim()
}

export async function logIn(masterUrl: string, username: string, password: string): Promise<string> {
  const reply = await fetch(`${masterUrl}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password, isHashed: false }) })
  const body = (await reply.json()) as { token?: string; message?: string }
  if (!body.token) throw new Error(`login as ${username} failed: ${body.message ?? reply.status}`)
  return body.token
}

async function listsAgent(masterUrl: string, password: string, agentId: string): Promise<boolean> {
  const token = await (sessions.get(masterUrl) ?? logIn(masterUrl, 'determined', password))
  sessions.set(masterUrl, token)
  const reply = await fetch(`${masterUrl}/api/v1/agents`, { headers: { authorization: `Bearer ${token}` } })
  return ((await reply.json()) as { agents: { id: string }[] }).agents.some((agent) => agent.id === agentId)
}

const sessions = new Map<string, string>()
