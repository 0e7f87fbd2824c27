import { isId } from '../protocol/words/ids.ts'
import type { LogLevel } from '../protocol/kit/log.ts'
import { readEc2, type Ec2Config, type Ec2Instance } from './config-ec2.ts'
import { parseUserData } from './gather/user-data.ts'

/** The agent's settings; frozen, read once. */
export interface AgentConfig {
  readonly masterUrl: string
  /** needed for the first start only */
  readonly joinToken: { readonly secret: string; readonly fingerprint: string } | null
  readonly agentId: string
  readonly hostname: string
  readonly pool: string
  readonly stateDir: string
  readonly dockerHost: string
  /** where there is no GPU */
  readonly cpuSlots: number
  /** network of the containers of a gang; null: found out (ARCHITECTURE, D18) */
  readonly gangNetwork: 'host' | 'bridge' | null
  /** of this host, as other members of a gang reach it; null: its address on the way to the master */
  readonly advertiseAddress: string | null
  readonly logLevel: LogLevel
  /** null: not on EC2 */
  readonly ec2: Ec2Config | null
}

/** `problems` names each wrong variable and its cure. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`the agent's settings are not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

type Environment = Readonly<Record<string, string | undefined>>
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const CPU_SLOTS_MAX = 256

/**
 * Throws ConfigError with everything that is wrong at once. `instance`: what the metadata service says, where DROVER_CLOUD=ec2;
 * the id of the agent is then the instance's, and what the environment does not set comes from the user data.
 */
export function readConfig(environment: Environment, hostname: string, instance: Ec2Instance | null = null): AgentConfig {
  const { settings, problems } = parseUserData(instance?.userData ?? null)
  const own = Object.fromEntries(Object.entries(environment).filter(([, value]) => value))
  const env: Environment = { ...(instance === null ? {} : { DROVER_AGENT_ID: instance.instanceId }), ...settings, ...own }
  if (instance === null && env['DROVER_CLOUD']) problems.push(`DROVER_CLOUD ${show(env['DROVER_CLOUD'])} is no cloud that the agent knows: set it to ec2, or leave it out`)
  const config: AgentConfig = {
    masterUrl: readMasterUrl(env['DROVER_MASTER_URL'], problems),
    joinToken: readJoinToken(env['DROVER_JOIN_TOKEN'], problems),
    agentId: readAgentId(env['DROVER_AGENT_ID'], hostname, problems),
    hostname: hostname.slice(0, 256),
    pool: readPool(env['DROVER_POOL'], problems),
    stateDir: readStateDir(env['DROVER_STATE_DIR'], problems),
    dockerHost: readDockerHost(env['DOCKER_HOST'], problems),
    cpuSlots: readCpuSlots(env['DROVER_CPU_SLOTS'], problems),
    gangNetwork: readGangNetwork(env['DROVER_GANG_NETWORK'], problems),
    advertiseAddress: readAdvertiseAddress(env['DROVER_ADVERTISE_ADDRESS'], problems),
    logLevel: readLevel(env['DROVER_LOG_LEVEL'], problems),
    ec2: instance === null ? null : readEc2(env, instance, problems),
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

function readMasterUrl(text: string | undefined, problems: string[]): string {
  const cure = 'set it to the HTTPS address of the master for agents, as https://master.example:8443'
  if (!text) return complain(problems, `DROVER_MASTER_URL is not set: ${cure}`)
  if (!URL.canParse(text)) return complain(problems, `DROVER_MASTER_URL ${show(text)} is no URL: ${cure}`)
  const url = new URL(text)
  if (url.protocol !== 'https:') return complain(problems, `DROVER_MASTER_URL ${show(text)} is not https: ${cure}`)
  return url.origin
}

/** `<secret>.<SHA-256 of the master's CA certificate, 64 hex digits>` */
function readJoinToken(text: string | undefined, problems: string[]): AgentConfig['joinToken'] {
  if (!text) return null
  const at = text.lastIndexOf('.')
  const secret = text.slice(0, Math.max(at, 0))
  const fingerprint = text.slice(at + 1).toLowerCase()
  if (secret !== '' && secret.length <= 256 && /^[0-9a-f]{64}$/.test(fingerprint)) return Object.freeze({ secret, fingerprint })
  problems.push('DROVER_JOIN_TOKEN is not <secret>.<64 hex digits>: copy the whole line that `drover-master join-token` prints')
  return null
}

function readAgentId(text: string | undefined, hostname: string, problems: string[]): string {
  const id = text || (hostname.split('.')[0] ?? '').replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64)
  if (isId(id)) return id
  const name = text ? `DROVER_AGENT_ID ${show(text)}` : `the host name ${show(hostname)}`
  return complain(problems, `${name} cannot be an agent id: set DROVER_AGENT_ID to 1 to 64 of A-Z a-z 0-9 _ -`)
}

function readPool(text: string | undefined, problems: string[]): string {
  const pool = text || 'default'
  if (pool.length <= 64) return pool
  return complain(problems, `DROVER_POOL ${show(pool)} is longer than 64 characters: set it to a pool of the master`)
}

function readStateDir(text: string | undefined, problems: string[]): string {
  const dir = text || '/var/lib/drover-agent'
  if (dir.startsWith('/')) return dir.replace(/\/+$/, '') || '/'
  return complain(problems, `DROVER_STATE_DIR ${show(dir)} is not an absolute path: Docker mounts directories below it`)
}

function readDockerHost(text: string | undefined, problems: string[]): string {
  const host = text || 'unix:///var/run/docker.sock'
  if (/^unix:\/\/\/./.test(host)) return host
  return complain(problems, `DOCKER_HOST ${show(host)} is not unix:///path: the agent drives the Docker Engine of its own host`)
}

function readCpuSlots(text: string | undefined, problems: string[]): number {
  const count = Number(text || '1')
  if (Number.isInteger(count) && count >= 0 && count <= CPU_SLOTS_MAX) return count
  problems.push(`DROVER_CPU_SLOTS ${show(text ?? '')} is not a whole number from 0 to ${CPU_SLOTS_MAX}`)
  return 0
}

function readGangNetwork(text: string | undefined, problems: string[]): AgentConfig['gangNetwork'] {
  if (!text) return null
  if (text === 'host' || text === 'bridge') return text
  problems.push(`DROVER_GANG_NETWORK ${show(text)} is neither host nor bridge: leave it unset, and the agent finds out`)
  return null
}

function readAdvertiseAddress(text: string | undefined, problems: string[]): string | null {
  if (!text) return null
  if (/^[A-Za-z0-9.:_-]{1,256}$/.test(text)) return text
  problems.push(`DROVER_ADVERTISE_ADDRESS ${show(text)} is no address or host name: set it to what other machines reach this one by, without a port`)
  return null
}

function readLevel(text: string | undefined, problems: string[]): LogLevel {
  const level = LEVELS.find((name) => name === (text || 'info'))
  if (level) return level
  problems.push(`DROVER_LOG_LEVEL ${show(text ?? '')} is none of ${LEVELS.join(', ')}`)
  return 'info'
}

function complain(problems: string[], problem: string): string {
  problems.push(problem)
  return ''
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
