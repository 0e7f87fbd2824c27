import { parse } from 'yaml'
import { readSection, type Found, type Section, type Shape } from '../config-section.ts'
import type { SettingMistake } from '../config-tree.ts'
import type { Database, Files, ImageRef, Json, Network, StackConfig } from './words.ts'

/** All mistakes at once; the message is for a person. */
export class DeployConfigError extends Error {
  override readonly name = 'DeployConfigError'
  readonly mistakes: readonly SettingMistake[]
  constructor(mistakes: readonly SettingMistake[]) {
    super(['the configuration of the installation is wrong:', ...mistakes.map((one) => `  ${one.key} = ${one.value}: ${one.cure}`)].join('\n'))
    this.mistakes = mistakes
  }
}

const NAME: Shape = { pattern: /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, cure: 'write 2 to 40 small letters, digits and dashes, a letter first' }
const REGION: Shape = { pattern: /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, cure: 'write a region such as us-east-1' }
const CIDR: Shape = { pattern: /^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$|^[0-9a-fA-F:]+\/\d{1,3}$/, cure: 'write addresses as 203.0.113.7/32' }
const IMAGE: Shape = { pattern: /^ami-[0-9a-f]{8,17}$|^ssm:\/[\w./-]{1,1000}$/, cure: 'write the id of a machine image, ami-..., or ssm:/name of an SSM parameter that holds one' }
const TYPE: Shape = { pattern: /^[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}$/, cure: 'write an instance type such as m7i.large' }
const CLASS: Shape = { pattern: /^db\.[a-z0-9]{1,20}\.[a-z0-9]{1,20}$/, cure: 'write a database class such as db.t4g.medium' }
const VERSION: Shape = { pattern: /^\d{2}(\.\d{1,2})?$/, cure: 'write a version of Postgres such as 17.6' }
const VPC: Shape = { pattern: /^vpc-[0-9a-f]{8,17}$/, cure: 'write the id of a VPC, such as vpc-0123456789abcdef0' }
const SUBNET: Shape = { pattern: /^subnet-[0-9a-f]{8,17}$/, cure: 'write the id of a subnet, such as subnet-0123456789abcdef0' }
const BUCKET: Shape = { pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, cure: 'write the name of a bucket' }
const PREFIX: Shape = { pattern: /^[\w.-]{1,200}(\/[\w.-]{1,200}){0,5}$/, cure: 'write a prefix such as drover or team/drover, without slashes at its ends' }
const SECRET: Shape = { pattern: /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]{1,512}$/, cure: 'write the ARN of a secret' }
const NATS: Shape = { pattern: /^(nats|tls):\/\/[^\s/@]+(:\d{1,5})?$/, cure: 'write nats://host:port or tls://host:port' }
const TAG: Shape = { pattern: /^(?!aws:|drover:)[^\u0000-\u001f\u007f]{1,128}$/i, cure: 'write 1 to 128 characters; keys that begin with aws: or drover: are taken' }
const TEXT: Shape = { pattern: /^[^\u0000-\u001f\u007f]{0,256}$/, cure: 'write at most 256 characters' }
const KEYS = ['name', 'region', 'allow_cidrs', 'open_to_the_world', 'network', 'master', 'agent_image', 'database', 'bucket', 'data_buckets', 'shared_files', 'nats_urls', 'resource_pools', 'efa', 'log_days', 'tags']
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365]

/**
 * `deploy.yaml` with the command line's words laid over it (same keys). Throws DeployConfigError that names every wrong key, its value and
 * the cure.
 */
export function readStackConfig(yaml: string, flags: Readonly<Record<string, unknown>>): StackConfig {
  const found: Found = { mistakes: [], warnings: [] }
  const top = readSection('deploy', layered(yaml, flags, found), found)
  top.onlyKeys(KEYS, [])
  const network = readNetwork(top.section('network'))
  const config: StackConfig = {
    name: top.text('name', NAME, 'drover'),
    region: top.text('region', REGION, null),
    allowCidrs: readCidrs(top),
    network,
    master: readMaster(top),
    agentImage: imageOf(top.text('agent_image', IMAGE, 'ssm:/drover/images/agent')),
    database: readDatabase(top.section('database')),
    bucket: readBucket(top.section('bucket')),
    dataBuckets: top.texts('data_buckets', BUCKET),
    files: readFiles(top),
    natsUrls: top.texts('nats_urls', NATS),
    pools: readPools(top),
    efa: top.flag('efa', false),
    logDays: readLogDays(top),
    tags: top.sections('tags').map((row) => ({ key: row.text('key', TAG, null), value: row.text('value', TEXT, null) })),
  }
  if (found.mistakes.length > 0) throw new DeployConfigError(found.mistakes.map((one) => ({ ...one, key: one.key.replace(/^deploy\./, '') })))
  return config
}

function layered(yaml: string, flags: Readonly<Record<string, unknown>>, found: Found): unknown {
  try {
    const document: unknown = parse(yaml, { maxAliasCount: 100 }) ?? {}
    return typeof document === 'object' && document !== null && !Array.isArray(document) ? { ...document, ...flags } : document
  } catch (error) {
    found.mistakes.push({ key: 'deploy.yaml', value: `${yaml.length} characters`, cure: `write valid YAML: ${error instanceof Error ? error.message : String(error)}` })
    return { region: 'us-east-1', allow_cidrs: ['203.0.113.7/32'] }
  }
}

/** Never open to the world unless somebody says so in so many words. */
function readCidrs(top: Section): string[] {
  const cidrs = top.texts('allow_cidrs', CIDR)
  if (!top.has('allow_cidrs')) top.wrong('allow_cidrs', 'it is required: who may reach the API, such as 203.0.113.7/32; --my-address takes the address that you come from')
  const world = cidrs.find((cidr) => cidr.endsWith('/0'))
  if (world !== undefined && !top.flag('open_to_the_world', false)) top.wrong('allow_cidrs', `${world} is everybody: name your own network, or set open_to_the_world: true`)
  const bad = cidrs.find((cidr) => !isCidr(cidr))
  if (bad !== undefined) top.wrong('allow_cidrs', `${bad} is no network: ${CIDR.cure}`)
  return cidrs
}

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = text.split('/')
  if (address.includes(':')) return Number(bits) <= 128
  return Number(bits) <= 32 && address.split('.').every((part) => Number(part) <= 255)
}

function readNetwork(section: Section): Network {
  section.onlyKeys(['cidr', 'zones', 'vpc', 'subnets', 'database_subnets', 'public_ip'], [])
  if (!section.has('vpc')) {
    for (const key of ['subnets', 'database_subnets', 'public_ip']) if (section.has(key)) section.wrong(key, 'it goes with vpc: name that too, or leave both out and the stack makes a network')
    const cidr = section.text('cidr', CIDR, '10.77.0.0/16')
    const bits = Number(cidr.split('/')[1])
    if (!isCidr(cidr) || cidr.includes(':') || bits < 16 || bits > 24) section.wrong('cidr', 'write an IPv4 network of 16 to 24 bits, such as 10.77.0.0/16')
    return { kind: 'new', cidr, zones: section.whole('zones', { min: 2, max: 6, fallback: 3 }) }
  }
  const subnets = section.texts('subnets', SUBNET)
  if (subnets.length === 0) section.wrong('subnets', `it is required with vpc: ${SUBNET.cure}`)
  const databaseSubnets = section.has('database_subnets') ? section.texts('database_subnets', SUBNET) : subnets
  if (databaseSubnets.length < 2) section.wrong('database_subnets', 'a database wants two subnets at least, in two zones')
  return { kind: 'existing', vpc: section.text('vpc', VPC, null), subnets, databaseSubnets, publicIp: section.flag('public_ip', true) }
}

function readMaster(top: Section): StackConfig['master'] {
  const section = top.section('master')
  section.onlyKeys(['image', 'instance_type', 'root_volume_size', 'certificate_secret'], [])
  return {
    image: imageOf(section.text('image', IMAGE, 'ssm:/drover/images/master')),
    instanceType: section.text('instance_type', TYPE, 'm7i.large'),
    rootVolumeGib: section.whole('root_volume_size', { min: 8, max: 16_384, fallback: 50 }),
    certificateSecret: section.text('certificate_secret', SECRET, '') || null,
  }
}

function imageOf(text: string): ImageRef {
  return text.startsWith('ssm:') ? { parameter: text.slice(4) } : { ami: text }
}

function readDatabase(section: Section): Database {
  section.onlyKeys(['type', 'instance_class', 'storage_size', 'backup_days', 'multi_zone', 'version', 'min_capacity', 'max_capacity', 'url_secret', 'port', 'final_snapshot'], [])
  const kind = section.choice('type', ['postgres', 'aurora', 'external'] as const, 'postgres')
  const backupDays = section.whole('backup_days', { min: 1, max: 35, fallback: 7 })
  if (kind === 'external') return { kind, secret: section.text('url_secret', SECRET, null), port: section.whole('port', { min: 1, max: 65_535, fallback: 5432 }) }
  const version = section.text('version', VERSION, '17.6')
  const finalSnapshot = section.flag('final_snapshot', false)
  if (kind === 'aurora') {
    const minCapacity = section.whole('min_capacity', { min: 1, max: 256, fallback: 1 })
    const maxCapacity = section.whole('max_capacity', { min: 1, max: 256, fallback: 8 })
    if (minCapacity > maxCapacity) section.wrong('min_capacity', `write at most max_capacity, which is ${maxCapacity}`)
    return { kind, minCapacity, maxCapacity, backupDays, version, finalSnapshot }
  }
  return { kind, instanceClass: section.text('instance_class', CLASS, 'db.t4g.medium'), storageGib: section.whole('storage_size', { min: 20, max: 6_553, fallback: 20 }), backupDays, multiZone: section.flag('multi_zone', false), version, finalSnapshot }
}

function readBucket(section: Section): StackConfig['bucket'] {
  section.onlyKeys(['name', 'prefix'], [])
  return { name: section.text('name', BUCKET, '') || null, prefix: section.text('prefix', PREFIX, '') }
}

function readFiles(top: Section): Files {
  const section = top.section('shared_files')
  section.onlyKeys(['type', 'storage_size'], [])
  const kind = section.choice('type', ['none', 'efs', 'fsx'] as const, 'none')
  if (kind !== 'fsx') return { kind }
  const storageGib = section.whole('storage_size', { min: 1_200, max: 100_800, fallback: 1_200 })
  if (storageGib !== 1_200 && storageGib % 2_400 !== 0) section.wrong('storage_size', 'write 1200, or a multiple of 2400 GiB')
  return { kind, storageGib }
}

/** Looked into by the master, which says all that is wrong with a pool; here only their names and that they are few enough for user data. */
function readPools(top: Section): StackConfig['pools'] {
  if (!top.has('resource_pools')) return [{ pool_name: 'default', provider: { instance_type: ['g6.xlarge', 'g5.xlarge'], max_instances: 4 } }]
  const rows = top.sections('resource_pools')
  rows.forEach((row) => row.text('pool_name', NAME_OF_POOL, null))
  const raw = top.value('resource_pools')
  return Array.isArray(raw) ? raw.filter((row): row is { [key: string]: Json } => typeof row === 'object' && row !== null && !Array.isArray(row)) : []
}

const NAME_OF_POOL: Shape = { pattern: /^[\w.-]{1,64}$/, cure: 'write the name of the pool: letters, digits, dots and dashes' }

function readLogDays(top: Section): number {
  const days = top.whole('log_days', { min: 1, max: 365, fallback: 30 })
  if (!LOG_DAYS.includes(days)) top.wrong('log_days', `write one of ${LOG_DAYS.join(', ')}`)
  return days
}
