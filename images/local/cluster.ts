import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startEngine } from './engine.ts'
import { openHerd, type Herd } from './herd.ts'
import { keepRunning, type Part } from './keep-running.ts'
import { startPostgres } from './postgres.ts'
import { freePort } from './processes.ts'
import { agentPart, masterPart, natsPart, passwordOf, type Settings } from './programs.ts'

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
  /** of the Postgres binaries, world-readable */
  postgresHome: string
  natsServer: string
  /** the Docker Engine that runs already; null: one of our own is started */
  dockerHost: string | null
  /** runs and reports one phase */
  phase: <T>(name: string, work: () => Promise<T>) => Promise<T>
  say: (text: string) => void
  /** ends the start at any phase; `stop` is still the caller's to call */
  signal: AbortSignal
}

export interface Cluster {
  run: Run
  stop(): Promise<void>
}

/**
 * Starts what the environment does not provide (DOCKER_HOST, DROVER_DB_URL, DROVER_NATS_URL, DROVER_BUCKET), then master
 * and agent, and keeps all of it running. `stop` ends it in reverse order and leaves no process, container, network or
 * listener; a start that fails has stopped already.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { stateDir } = options
  const tag = createHash('sha256').update(stateDir).digest('hex').slice(0, 8)
  const runDir = join('/run', `drover-${tag}`)
  const agentId = `local-${tag}`
  const herd = await openHerd({ stateDir, runDir, tag, agentId })
  const halt = new AbortController()
  const signal = AbortSignal.any([options.signal, halt.signal])
  const stop = async (): Promise<void> => {
    halt.abort()
    await herd.stop()
    rmSync(join(stateDir, 'run.json'), { force: true })
  }
  try {
    const parts: Part[] = []
    const begin = async (phase: string, part: Part): Promise<void> => {
      await options.phase(phase, () => part.start(signal))
      parts.push(part)
    }
    const settings = await chooseSettings(options, tag)
    await startServers(options, { herd, runDir, tag, settings, begin })
    await begin('master', masterPart(herd, settings))
    await begin('agent', agentPart(herd, settings, agentId))
    const run: Run = {
      masterUrl: settings.masterUrl, user: 'determined', password: settings.password, natsUrl: settings.natsUrl, databaseUrl: settings.databaseUrl,
      bucketUrl: settings.bucketUrl, dockerHost: settings.dockerHost, pids: {},
    }
    const noteRun = (): void => {
      run.pids = herd.pids()
      writeWhole(join(stateDir, 'run.json'), run)
    }
    noteRun()
    for (const part of parts) void keepRunning(herd, part, { signal, say: options.say, restarted: noteRun })
    return { run, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Start {
  herd: Herd
  runDir: string
  tag: string
  settings: Settings
  begin(phase: string, part: Part): Promise<void>
}

/** The servers that Drover stands on, each only where the environment names none. */
async function startServers(options: ClusterOptions, { herd, runDir, tag, settings, begin }: Start): Promise<void> {
  const { stateDir } = options
  const logFile = (name: string): string => join(stateDir, 'logs', `${name}.log`)
  if (options.dockerHost) herd.useEngine(options.dockerHost, null)
  else {
    await begin('Docker Engine, in a network namespace of its own', {
      name: 'dockerd',
      start: async (signal) => void (settings.dockerHost = await startEngine(herd, { dataDir: join(stateDir, 'docker'), runDir, logFile: logFile('dockerd') }, signal)),
    })
  }
  if (!settings.databaseUrl) {
    const port = settings.ports.postgres
    const places = { home: options.postgresHome, dataRoot: dataRootOf(tag), logFile: logFile('postgres') }
    await begin('Postgres', { name: 'postgres', start: async (signal) => void (settings.databaseUrl = await startPostgres(herd, places, port, signal)) })
  }
  if (!process.env['DROVER_NATS_URL']) await begin('NATS', natsPart(herd, settings, options.natsServer))
}

/** Outside of the clone: an unprivileged user must reach it, and root's home is closed to him. */
function dataRootOf(tag: string): string {
  return `/var/lib/drover-local/${tag}`
}

/** Ports are those of the last start where they are free, so that what was enrolled finds its way. */
async function chooseSettings(options: ClusterOptions, tag: string): Promise<Settings> {
  const { stateDir } = options
  const file = join(stateDir, 'ports.json')
  const wanted = { http: 8080, agents: 8443, nats: 4222, postgres: 0, ...readPorts(file) }
  const ports = { http: await freePort(wanted.http), agents: await freePort(wanted.agents), nats: await freePort(wanted.nats), postgres: await freePort(wanted.postgres) }
  writeWhole(file, ports)
  return {
    stateDir, ports,
    masterDir: process.env['DROVER_STATE_DIR'] ?? join(stateDir, 'master'),
    masterUrl: `http://127.0.0.1:${ports.http}`,
    natsUrl: process.env['DROVER_NATS_URL'] ?? `nats://127.0.0.1:${ports.nats}`,
    databaseUrl: process.env['DROVER_DB_URL'] ?? '',
    bucketUrl: process.env['DROVER_BUCKET'] ?? `file://${join(stateDir, 'bucket')}`,
    dockerHost: options.dockerHost ?? '',
    password: passwordOf(process.env['DROVER_DB_URL'] ? stateDir : dataRootOf(tag)),
    clusterName: `local-${tag}`,
  }
}

function readPorts(file: string): Partial<Settings['ports']> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Settings['ports']>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function writeWhole(path: string, value: unknown): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
