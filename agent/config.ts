import { hostname } from 'node:os'
import type { LogLevel } from '../protocol/kit/log.ts'
import { isId } from '../protocol/words/ids.ts'

/** The agent's settings, from the environment only. Frozen; everything wrong is said at once. */
export interface AgentConfig {
  masterUrl: string
  /** `<secret>.<SHA-256 of the master's CA>`; needed until the agent is enrolled */
  joinToken: { secret: string; fingerprint: string } | null
  agentId: string
  pool: string
  stateDir: string
  dockerHost: string
  /** CPU slots offered where there is no GPU */
  cpuSlots: number
  logLevel: LogLevel
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export function readConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const errors: string[] = []
  const masterUrl = env['DROVER_MASTER_URL'] ?? ''
  if (!URL.canParse(masterUrl) || new URL(masterUrl).protocol !== 'https:') errors.push(`DROVER_MASTER_URL is ${JSON.stringify(masterUrl)}: give the master's HTTPS address for agents, such as https://master:8443`)
  const agentId = env['DROVER_AGENT_ID'] ?? hostname().split('.')[0] ?? ''
  if (!isId(agentId)) errors.push(`DROVER_AGENT_ID is ${JSON.stringify(agentId.slice(0, 80))}: give 1 to 64 letters, digits, - or _`)
  const pool = env['DROVER_POOL'] ?? 'default'
  if (!isId(pool)) errors.push(`DROVER_POOL is ${JSON.stringify(pool.slice(0, 80))}: give 1 to 64 letters, digits, - or _`)
  const cpuSlots = Number(env['DROVER_CPU_SLOTS'] ?? '1')
  if (!Number.isInteger(cpuSlots) || cpuSlots < 0 || cpuSlots > 256) errors.push(`DROVER_CPU_SLOTS is ${JSON.stringify(env['DROVER_CPU_SLOTS'])}: give a whole number from 0 to 256`)
  const level = env['DROVER_LOG_LEVEL'] ?? 'info'
  if (!['debug', 'info', 'warn', 'error'].includes(level)) errors.push(`DROVER_LOG_LEVEL is ${JSON.stringify(level)}: debug, info, warn or error is allowed`)
  const config: AgentConfig = {
    masterUrl: masterUrl.replace(/\/+$/, ''),
    joinToken: readJoinToken(env['DROVER_JOIN_TOKEN'], errors),
    agentId,
    pool,
    stateDir: env['DROVER_STATE_DIR'] ?? '/var/lib/drover-agent',
    dockerHost: env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock',
    cpuSlots,
    logLevel: level as LogLevel,
  }
  if (errors.length > 0) throw new ConfigError(`the agent's settings have ${errors.length} mistake${errors.length > 1 ? 's' : ''}:\n${errors.map((error) => `  - ${error}`).join('\n')}`)
  return Object.freeze(config)
}

function readJoinToken(text: string | undefined, errors: string[]): AgentConfig['joinToken'] {
  if (text === undefined || text === '') return null
  const match = /^([A-Za-z0-9_-]{8,200})\.([0-9a-f]{64})$/.exec(text.trim())
  if (match) return { secret: match[1] ?? '', fingerprint: match[2] ?? '' }
  errors.push('DROVER_JOIN_TOKEN is not <secret>.<fingerprint>: take it from `drover-master join-token`')
  return null
}
