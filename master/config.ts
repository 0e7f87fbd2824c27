import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { storageFromUrl } from '../protocol/bucket/url.ts'
import type { LogLevel } from '../protocol/kit/log.ts'
import type { Storage } from '../protocol/wire/spec.ts'

/** The master's settings: `master.yaml`, then environment over it. Frozen; everything wrong is said at once. */
export interface MasterConfig {
  listen: Address
  agentListen: Address
  agentUrl: string
  stateDir: string
  dbUrl: string
  natsUrls: string[]
  initialPassword: string | null
  storage: Storage
  pools: { name: string; description: string }[]
  defaultComputePool: string
  defaultAuxPool: string
  clusterName: string
  logLevel: LogLevel
  webDir: string | null
}

export interface Address {
  host: string
  port: number
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Raw = Record<string, unknown>

export function readConfig(env: Readonly<Record<string, string | undefined>>): MasterConfig {
  const errors: string[] = []
  const file = readFile(env['DROVER_CONFIG'], errors)
  const text = (key: string, variable: string, fallback: string | null): string => {
    const found = env[variable] ?? at(file, key)
    if (typeof found === 'string' && found !== '') return found
    if (typeof found === 'number') return String(found)
    if (fallback === null) errors.push(`${key} is missing: set it in master.yaml or set ${variable}`)
    return fallback ?? ''
  }
  const listen = address(text('listen', 'DROVER_LISTEN', '127.0.0.1:8080'), 'listen', errors)
  const agentListen = address(text('agent_listen', 'DROVER_AGENT_LISTEN', '127.0.0.1:8443'), 'agent_listen', errors)
  const pools = readPools(file, errors)
  const first = pools[0]?.name ?? 'default'
  const config: MasterConfig = {
    listen,
    agentListen,
    agentUrl: text('agent_url', 'DROVER_AGENT_URL', `https://${agentListen.host === '0.0.0.0' ? '127.0.0.1' : agentListen.host}:${agentListen.port}`),
    stateDir: text('state_dir', 'DROVER_STATE_DIR', '/var/lib/drover-master'),
    dbUrl: url(text('db.url', 'DROVER_DB_URL', null), 'db.url', ['postgres:', 'postgresql:'], errors),
    natsUrls: readNatsUrls(env['DROVER_NATS_URL'] ?? at(file, 'nats.urls'), errors),
    initialPassword: env['DROVER_INITIAL_PASSWORD'] ?? (at(file, 'security.initial_user_password') as string | undefined) ?? null,
    storage: readStorage(env['DROVER_BUCKET'], at(file, 'checkpoint_storage'), errors),
    pools,
    defaultComputePool: knownPool(text('default_compute_resource_pool', 'DROVER_DEFAULT_POOL', first), 'default_compute_resource_pool', pools, errors),
    defaultAuxPool: knownPool(text('default_aux_resource_pool', 'DROVER_DEFAULT_AUX_POOL', first), 'default_aux_resource_pool', pools, errors),
    clusterName: text('cluster_name', 'DROVER_CLUSTER_NAME', 'drover'),
    logLevel: level(text('log.level', 'DROVER_LOG_LEVEL', 'info'), errors),
    webDir: env['DROVER_WEB_DIR'] ?? null,
  }
  if (errors.length > 0) throw new ConfigError(`the master's settings have ${errors.length} mistake${errors.length > 1 ? 's' : ''}:\n${errors.map((error) => `  - ${error}`).join('\n')}`)
  return Object.freeze(config)
}

function readFile(path: string | undefined, errors: string[]): Raw {
  if (path === undefined) return {}
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'), { maxAliasCount: 100 })
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Raw
    if (value !== null) errors.push(`${path} must be a mapping of keys to values`)
  } catch (error) {
    errors.push(`${path} cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
  }
  return {}
}

function at(file: Raw, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Raw)[key] : undefined), file)
}

function address(text: string, key: string, errors: string[]): Address {
  const match = /^\[?([^\]]*?)\]?:([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match && port >= 0 && port < 65_536) return { host: match[1] === '' || match[1] === undefined ? '0.0.0.0' : match[1], port }
  errors.push(`${key} is ${JSON.stringify(text)}: give host:port, such as 127.0.0.1:8080`)
  return { host: '127.0.0.1', port: 0 }
}

function url(text: string, key: string, protocols: readonly string[], errors: string[]): string {
  if (text !== '' && !(URL.canParse(text) && protocols.includes(new URL(text).protocol))) errors.push(`${key} is no ${protocols[0]}// URL`)
  return text
}

function readNatsUrls(found: unknown, errors: string[]): string[] {
  const list = typeof found === 'string' ? found.split(',') : Array.isArray(found) ? found.map(String) : []
  if (list.length === 0) errors.push('nats.urls is missing: set it in master.yaml or set DROVER_NATS_URL')
  return list.map((text) => url(text.trim(), 'nats.urls', ['nats:', 'tls:'], errors))
}

/** Determined's `checkpoint_storage` in the file, or a bucket URL in DROVER_BUCKET. */
function readStorage(text: string | undefined, found: unknown, errors: string[]): Storage {
  const none: Storage = { type: 'directory', path: '/' }
  if (text !== undefined) {
    try {
      return storageFromUrl(text)
    } catch (error) {
      errors.push(`DROVER_BUCKET: ${error instanceof Error ? error.message : String(error)}`)
      return none
    }
  }
  const raw = (typeof found === 'object' && found !== null ? found : {}) as Raw
  const string = (key: string): string | null => (typeof raw[key] === 'string' && raw[key] !== '' ? raw[key] : null)
  const path = string('host_path') ?? string('container_path')
  if (raw['type'] === 's3' && string('bucket')) return { type: 's3', bucket: string('bucket') ?? '', prefix: string('prefix') ?? '', endpoint: string('endpoint_url'), region: string('region') }
  if ((raw['type'] === 'directory' || raw['type'] === 'shared_fs') && path?.startsWith('/')) return { type: 'directory', path }
  errors.push('checkpoint_storage is missing or incomplete: give {type: s3, bucket: ...} or {type: directory, host_path: /...} in master.yaml, or set DROVER_BUCKET')
  return none
}

function readPools(file: Raw, errors: string[]): { name: string; description: string }[] {
  const found = file['resource_pools'] ?? [{ pool_name: 'default' }]
  if (!Array.isArray(found) || found.length === 0) {
    errors.push('resource_pools must be a list with at least one pool')
    return []
  }
  return found.map((pool: unknown, index) => {
    const name = typeof pool === 'object' && pool !== null ? (pool as Raw)['pool_name'] : undefined
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) errors.push(`resource_pools[${index}].pool_name is ${JSON.stringify(name) ?? 'missing'}: give 1 to 64 letters, digits, - or _`)
    const description = typeof pool === 'object' && pool !== null ? (pool as Raw)['description'] : undefined
    return { name: String(name), description: typeof description === 'string' ? description : '' }
  })
}

function knownPool(name: string, key: string, pools: readonly { name: string }[], errors: string[]): string {
  if (!pools.some((pool) => pool.name === name)) errors.push(`${key} is ${JSON.stringify(name)}, the pools are ${pools.map((pool) => pool.name).join(', ')}`)
  return name
}

function level(text: string, errors: string[]): LogLevel {
  if (text === 'debug' || text === 'info' || text === 'warn' || text === 'error') return text
  errors.push(`log.level is ${JSON.stringify(text)}: debug, info, warn or error is allowed`)
  return 'info'
}
