import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Herd } from './herd.ts'
import type { Part } from './keep-running.ts'
import { accepts, ready } from './processes.ts'

/** Where everything is; complete before master and agent start. */
export interface Settings {
  stateDir: string
  ports: { http: number; agents: number; nats: number; postgres: number }
  /** the master's keys; those of a nats-server of yours, where you name one */
  masterDir: string
  masterUrl: string
  natsUrl: string
  databaseUrl: string
  bucketUrl: string
  dockerHost: string
  password: string
  clusterName: string
}

const DIST = resolve(import.meta.dirname, '../../dist')
const MASTER = join(DIST, 'drover-master.mjs')

export function natsPart(herd: Herd, settings: Settings, natsServer: string): Part {
  const conf = join(settings.stateDir, 'nats.conf')
  const logFile = join(settings.stateDir, 'logs/nats.log')
  return {
    name: 'nats-server',
    async start(signal) {
      writeFileSync(conf, await askMaster(['nats-config', '--state-dir', settings.masterDir, '--listen', `127.0.0.1:${settings.ports.nats}`], settings), { mode: 0o600 })
      const child = herd.begin({ name: 'nats-server', command: natsServer, args: ['-c', conf], env: process.env, logFile })
      await ready(child, 20_000, signal, () => accepts(settings.ports.nats))
    },
  }
}

export function masterPart(herd: Herd, settings: Settings): Part {
  const logFile = join(settings.stateDir, 'logs/master.log')
  return {
    name: 'master',
    async start(signal) {
      const child = herd.begin({ name: 'master', command: process.execPath, args: [MASTER], env: masterEnv(settings), logFile })
      await ready(child, 40_000, signal, async () => (await fetch(`${settings.masterUrl}/health`, { signal: AbortSignal.timeout(5_000) })).ok)
    },
  }
}

export function agentPart(herd: Herd, settings: Settings, agentId: string): Part {
  const logFile = join(settings.stateDir, 'logs/agent.log')
  return {
    name: 'agent',
    async start(signal) {
      const joinToken = (await askMaster(['join-token', '--state-dir', settings.masterDir], settings)).trim()
      const env = {
        ...process.env, DROVER_MASTER_URL: `https://127.0.0.1:${settings.ports.agents}`, DROVER_JOIN_TOKEN: joinToken, DROVER_AGENT_ID: agentId,
        DROVER_STATE_DIR: join(settings.stateDir, 'agent'), DOCKER_HOST: settings.dockerHost, DROVER_CPU_SLOTS: process.env['DROVER_CPU_SLOTS'] ?? '1',
        // as the unit of a machine image sets it: an arena for each thread costs an idle agent 5 MB
        MALLOC_ARENA_MAX: '1',
      }
      const child = herd.begin({ name: 'agent', command: process.execPath, args: [join(DIST, 'drover-agent.mjs')], env, logFile })
      // logged in once; again where the master is away for a moment
      let token = ''
      await ready(child, 40_000, signal, async () => {
        token ||= await logIn(settings.masterUrl, 'determined', settings.password)
        return lists(settings.masterUrl, token, agentId)
      })
    },
  }
}

function masterEnv(settings: Settings): NodeJS.ProcessEnv {
  const { ports } = settings
  return {
    ...process.env, DROVER_LISTEN: `127.0.0.1:${ports.http}`, DROVER_AGENT_LISTEN: `127.0.0.1:${ports.agents}`, DROVER_STATE_DIR: settings.masterDir,
    DROVER_DB_URL: settings.databaseUrl, DROVER_NATS_URL: settings.natsUrl, DROVER_INITIAL_PASSWORD: settings.password, DROVER_BUCKET: settings.bucketUrl,
    DROVER_WEB_DIR: join(DIST, 'web'), DROVER_CLUSTER_NAME: settings.clusterName,
  }
}

async function askMaster(args: string[], settings: Settings): Promise<string> {
  return (await promisify(execFile)(process.execPath, [MASTER, ...args], { env: masterEnv(settings), encoding: 'utf8' })).stdout
}

/** The people's password, made once. It lies beside the database that knows it, so that both go together. */
export function passwordOf(folder: string): string {
  const path = join(folder, 'password')
  mkdirSync(folder, { recursive: true })
  if (!existsSync(path)) writeFileSync(path, process.env['DROVER_INITIAL_PASSWORD'] ?? randomBytes(9).toString('base64url'), { mode: 0o600 })
  return readFileSync(path, 'utf8').trim()
}

export async function logIn(masterUrl: string, username: string, password: string): Promise<string> {
  const reply = await fetch(`${masterUrl}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password, isHashed: false }) })
  const body = (await reply.json()) as { token?: string; message?: string }
  if (!body.token) throw new Error(`login as ${username} failed: ${body.message ?? reply.status}`)
  return body.token
}

/** Listed and heard of now: a row of an earlier start is not enough. */
async function lists(masterUrl: string, token: string, agentId: string): Promise<boolean> {
  const reply = await fetch(`${masterUrl}/api/v1/agents`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(5_000) })
  const { agents } = (await reply.json()) as { agents?: { id: string; drover?: { status?: string } }[] }
  return (agents ?? []).some((agent) => agent.id === agentId && (agent.drover?.status ?? 'ok') === 'ok')
}
