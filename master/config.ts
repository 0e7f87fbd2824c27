import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { parse } from 'yaml'
import type { Storage } from '../protocol/wire/spec.ts'
import type { LogLevel } from '../protocol/kit/log.ts'
import { storageFromUrl } from '../protocol/bucket/url.ts'
import { readHerd } from './config-herd.ts'
import { readPools } from './config-pools.ts'
import type { Found } from './config-section.ts'
import { storageFromTree } from './config-storage.ts'
import { readTree, type SettingMistake, type Tree } from './config-tree.ts'
import type { Address, MasterConfig, PoolConfig } from './config-types.ts'

export type { Address, HerdConfig, MasterConfig, PoolConfig, ProviderConfig } from './config-types.ts'

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
  'listen', 'agent_listen', 'agent_url', 'state_dir', 'db', 'nats', 'security', 'checkpoint_storage', 'resource_pools', 'herd',
  'default_compute_resource_pool', 'default_aux_resource_pool', 'cluster_name', 'web_dir', 'log', 'installation',
]
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/**
 * One config from the text of `master.yaml` ('' = none) and the environment, which wins.
 * Throws ConfigError that names every wrong key with its value and the cure.
 */
export function readConfig(yaml: string, env: Readonly<Record<string, string | undefined>>, pid: number): MasterConfig {
  const found: Found = { mistakes: [], warnings: [] }
  const { mistakes } = found
  const tree = readTree(parseYaml(yaml, mistakes), env, mistakes)
  tree.onlyKeys('', KEYS)
  const listen = addressAt(tree, 'listen', 'DROVER_LISTEN', '127.0.0.1:8080')
  const agentListen = addressAt(tree, 'agent_listen', 'DROVER_AGENT_LISTEN', '127.0.0.1:8443')
  const agentUrl = urlAt(tree, 'agent_url', 'DROVER_AGENT_URL', ['https:'], `https://${hostInUrl(agentListen.host)}:${agentListen.port}`).replace(/\/+$/, '')
  const region = tree.variable('AWS_REGION') ?? tree.variable('AWS_DEFAULT_REGION') ?? null
  const natsUrls = natsUrlsAt(tree)
  const resourcePools = readPools(tree.list('resource_pools'), { region, agentUrl, natsUrls, installation: tree.text('installation', 'DROVER_INSTALLATION', '') || null }, found)
  const config: MasterConfig = {
    listen,
    agentListen,
    agentUrl,
    stateDir: stateDirAt(tree),
    db: { url: urlAt(tree, 'db.url', 'DROVER_DB_URL', ['postgres:', 'postgresql:'], null) },
    nats: { urls: natsUrls },
    security: { initialUserPassword: tree.text('security.initial_user_password', 'DROVER_INITIAL_PASSWORD', '') || null },
    checkpointStorage: storageAt(tree),
    resourcePools,
    herd: readHerd(tree.value('herd'), found),
    defaultComputePool: poolNameAt(tree, 'default_compute_resource_pool', resourcePools),
    defaultAuxPool: poolNameAt(tree, 'default_aux_resource_pool', resourcePools),
    clusterName: tree.text('cluster_name', 'DROVER_CLUSTER_NAME', 'drover'),
    webDir: tree.text('web_dir', 'DROVER_WEB_DIR', '') || null,
    holder: `${hostname()}:${pid}`,
    logLevel: levelAt(tree),
    warnings: found.warnings,
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
