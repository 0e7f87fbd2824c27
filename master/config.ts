import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { parse } from 'yaml'
import type { LaunchSettings } from './cloud/door.ts'
import type { PoolPolicy } from './scale/pool.ts'
import type { Storage } from '../protocol/wire/spec.ts'
import type { LogLevel } from '../protocol/kit/log.ts'
import { storageFromUrl } from '../protocol/bucket/url.ts'
import { readTree, type SettingMistake, type Tree } from './config-tree.ts'
import { storageFromTree } from './config-storage.ts'

/** Everything the master may be told, complete and frozen. Ports of 0 let the system choose (tests). */
export interface MasterConfig {
  readonly listen: Address
  readonly agentListen: Address
  /** https:// address of `agentListen` as agents reach it, without a trailing slash */
  readonly agentUrl: string
  readonly stateDir: string
  readonly db: { readonly url: string }
  /** as agents reach it too */
  readonly nats: { readonly urls: readonly string[] }
  readonly security: { readonly initialUserPassword: string | null }
  /** where checkpoints go unless the experiment names its own place */
  readonly checkpointStorage: Storage
  readonly resourcePools: readonly PoolConfig[]
  readonly herd: HerdConfig
  readonly defaultComputePool: string
  readonly defaultAuxPool: string
  readonly clusterName: string
  /** built WebUI to serve; null: none */
  readonly webDir: string | null
  /** unique to this process: leader row, logs */
  readonly holder: string
  readonly logLevel: LogLevel
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface PoolConfig {
  readonly name: string
  readonly description: string
  /** null: only agents that join by themselves */
  readonly provider: ProviderConfig | null
}

/** `resource_pools[].provider`: how the pool's instances are made. */
export interface ProviderConfig {
  /** all but what only EC2 can tell: the zones of its places */
  readonly policy: Readonly<Omit<PoolPolicy, 'places'>>
  /** in order of preference; empty = the default subnet of each zone */
  readonly subnets: readonly string[]
  /** the only zones to launch in; empty = every one that the subnets lie in */
  readonly zones: readonly string[]
  readonly settings: LaunchSettings
  /** run by the machine at boot before its agent; '' = none */
  readonly startupScript: string
  /** https:// address of the agent listener as instances reach it */
  readonly masterUrl: string
}

/** Timing of the herd, milliseconds; tests make them short. */
export interface HerdConfig {
  /** an agent silent for so long is LOST */
  readonly lostMs: number
  /** between two lists of EC2 */
  readonly listMs: number
  /** between two calls of RunInstances for one pool */
  readonly callMs: number
  /** how long a refused (type, zone, market) is left alone */
  readonly dryMs: number
  /** dollars an hour by region and type: `{"us-east-1": {"g5.xlarge": 1.006}}` */
  readonly prices: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** All mistakes at once; the message is for a person. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly SettingMistake[]
  constructor(mistakes: readonly SettingMistake[]) {
    super(['the configuration of the master is wrong:', ...mistakes.map((m) => `  ${m.key} = ${m.value}: ${m.cure}`)].join('\n'))
    this.mistakes = mistakes
  }
}

const KEYS = [
  'listen', 'agent_listen', 'agent_url', 'state_dir', 'db', 'nats', 'security', 'checkpoint_storage', 'resource_pools',
  'default_compute_resource_pool', 'default_aux_resource_pool', 'cluster_name', 'web_dir', 'log',
]
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/**
 * One config from the text of `master.yaml` ('' = none) and the environment, which wins.
 * Throws ConfigError that names every wrong key with its value and the cure.
 */
export function readConfig(yaml: string, env: Readonly<Record<string, string | undefined>>, pid: number): MasterConfig {
  const mistakes: SettingMistake[] = []
  const tree = readTree(parseYaml(yaml, mistakes), env, mistakes)
  tree.onlyKeys('', KEYS)
  const listen = addressAt(tree, 'listen', 'DROVER_LISTEN', '127.0.0.1:8080')
  const agentListen = addressAt(tree, 'agent_listen', 'DROVER_AGENT_LISTEN', '127.0.0.1:8443')
  const resourcePools = poolsAt(tree)
  const config: MasterConfig = {
    listen,
    agentListen,
    agentUrl: urlAt(tree, 'agent_url', 'DROVER_AGENT_URL', ['https:'], `https://${hostInUrl(agentListen.host)}:${agentListen.port}`).replace(/\/+$/, ''),
    stateDir: stateDirAt(tree),
    db: { url: urlAt(tree, 'db.url', 'DROVER_DB_URL', ['postgres:', 'postgresql:'], null) },
    nats: { urls: natsUrlsAt(tree) },
    security: { initialUserPassword: tree.text('security.initial_user_password', 'DROVER_INITIAL_PASSWORD', '') || null },
    checkpointStorage: storageAt(tree),
    resourcePools,
    herd: { lostMs: 300_000, listMs: 60_000, callMs: 5_000, dryMs: 180_000, prices: {} },
    defaultComputePool: poolNameAt(tree, 'default_compute_resource_pool', resourcePools),
    defaultAuxPool: poolNameAt(tree, 'default_aux_resource_pool', resourcePools),
    clusterName: tree.text('cluster_name', 'DROVER_CLUSTER_NAME', 'drover'),
    webDir: tree.text('web_dir', 'DROVER_WEB_DIR', '') || null,
    holder: `${hostname()}:${pid}`,
    logLevel: levelAt(tree),
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return Object.freeze(config)
}

function parseYaml(text: string, mistakes: SettingMistake[]): unknown {
  try {
    return parse(text, { maxAliasCount: 100 }) ?? {}
  } catch (error) {
    mistakes.push({ key: 'master.yaml', value: `${text.length} characters`, cure: `write valid YAML: ${error instanceof Error ? error.message : String(error)}` })
    return {}
  }
}

function addressAt(tree: Tree, key: string, variable: string, fallback: string): Address {
  const text = tree.text(key, variable, fallback)
  const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (!match?.[1] || port > 65_535) {
    tree.wrong(key, text, 'write host:port, for example 127.0.0.1:8080')
    return { host: '127.0.0.1', port: 0 }
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port }
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function urlAt(tree: Tree, key: string, variable: string, protocols: readonly string[], fallback: string | null): string {
  const text = tree.text(key, variable, fallback)
  if (text === '') return ''
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) tree.wrong(key, hidePassword(text), `write an address that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`)
  return text
}

/** A wrong address is repeated to the person who wrote it, never with its password. */
function hidePassword(text: string): string {
  return text.replace(/:\/\/([^:@/]*):[^@/]*@/, '://$1:***@')
}

function stateDirAt(tree: Tree): string {
  const path = tree.text('state_dir', 'DROVER_STATE_DIR', '/var/lib/drover-master')
  if (!isAbsolute(path)) tree.wrong('state_dir', path, 'write an absolute path')
  return path
}

function natsUrlsAt(tree: Tree): string[] {
  const urls = tree.texts('nats.urls', 'DROVER_NATS_URL')
  for (const url of urls) {
    if (!/^(nats|tls):\/\/[^\s/]+$/.test(url)) tree.wrong('nats.urls', hidePassword(url), 'write nats://host:port or tls://host:port')
  }
  return urls
}

function storageAt(tree: Tree): Storage {
  const url = tree.variable('DROVER_BUCKET')
  if (url === undefined) return storageFromTree(tree)
  try {
    return storageFromUrl(url)
  } catch (error) {
    tree.wrong('checkpoint_storage', hidePassword(url), `DROVER_BUCKET: ${error instanceof Error ? error.message : String(error)}`)
    return { type: 'directory', path: '/' }
  }
}

function poolsAt(tree: Tree): PoolConfig[] {
  const rows = tree.list('resource_pools')
  if (rows.length === 0) return [{ name: 'default', description: '', provider: null }]
  const names = new Set<string>()
  return rows.map((row, index) => {
    const key = `resource_pools[${index}]`
    const name = row['pool_name']
    if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) tree.wrong(`${key}.pool_name`, JSON.stringify(name) ?? 'absent', 'write 1 to 64 letters, digits, - or _')
    else if (names.has(name)) tree.wrong(`${key}.pool_name`, name, 'write each pool once')
    const known = typeof name === 'string' ? name : ''
    names.add(known)
    return { name: known, description: typeof row['description'] === 'string' ? row['description'] : '', provider: null }
  })
}

function poolNameAt(tree: Tree, key: string, pools: readonly PoolConfig[]): string {
  const first = pools.find((pool) => pool.name === 'default') ?? pools[0]
  const name = tree.text(key, null, first?.name ?? 'default')
  if (!pools.some((pool) => pool.name === name)) tree.wrong(key, name, `name one of resource_pools: ${pools.map((pool) => pool.name).join(', ')}`)
  return name
}

function levelAt(tree: Tree): LogLevel {
  const text = tree.text('log.level', 'DROVER_LOG_LEVEL', 'info')
  const level = LEVELS.find((known) => known === text)
  if (!level) tree.wrong('log.level', text, `write one of ${LEVELS.join(', ')}`)
  return level ?? 'info'
}
