import type { MarketPolicy } from '../protocol/words/instances.ts'
import type { LaunchSettings } from './cloud/door.ts'
import type { Section, Shape } from './config-section.ts'
import type { ProviderConfig } from './config-types.ts'

/** What a provider takes from elsewhere when it does not say it itself. */
export interface ProviderGiven {
  /** AWS_REGION or AWS_DEFAULT_REGION */
  region: string | null
  agentUrl: string
  natsUrls: readonly string[]
  /** value of the tag `drover:installation`; null = none */
  installation: string | null
}

const REGION: Shape = { pattern: /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, cure: 'write a region such as us-east-1' }
const TYPE: Shape = { pattern: /^[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}$/, cure: 'write an instance type such as g5.xlarge' }
const IMAGE: Shape = { pattern: /^ami-[0-9a-f]{8,17}$|^ssm:\/[\w./-]{1,1000}$/, cure: 'write the id of a machine image with the agent in it, such as ami-0123456789abcdef0, or ssm:/name of an SSM parameter that holds one' }
const SUBNET: Shape = { pattern: /^subnet-[0-9a-f]{8,17}$/, cure: 'write the id of a subnet, such as subnet-0123456789abcdef0' }
const GROUP: Shape = { pattern: /^sg-[0-9a-f]{8,17}$/, cure: 'write the id of a security group, such as sg-0123456789abcdef0' }
const ZONE: Shape = { pattern: /^[a-z]{2}(-[a-z0-9]+)+[a-z]$/, cure: 'write an availability zone such as us-east-1a' }
const PROFILE_ARN: Shape = { pattern: /^arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,512}$/, cure: 'write an ARN such as arn:aws:iam::123456789012:instance-profile/drover-agent' }
const PROFILE: Shape = { pattern: new RegExp(`${PROFILE_ARN.pattern.source}|^[\\w+=,.@-]{1,128}$`), cure: 'write the name or the ARN of an instance profile' }
const LINE: Shape = { pattern: /^[^\u0000-\u001f\u007f]{1,255}$/, cure: 'write one line of 1 to 255 characters' }
const TAG_KEY: Shape = { pattern: /^(?!aws:|drover:)[^\u0000-\u001f\u007f]{1,128}$/i, cure: 'write 1 to 128 characters; keys that begin with aws: or drover: are taken' }
const TAG_VALUE: Shape = { pattern: /^[^\u0000-\u001f\u007f]{0,256}$/, cure: 'write at most 256 characters' }
const HTTPS: Shape = { pattern: /^https:\/\/[^\s/@]+\/*$/, cure: 'write the https:// address of agent_listen as instances reach it' }
/** user data of an instance is limited to 16 KiB, and the script has it not for itself */
const SCRIPT: Shape = { pattern: /^[^\u0000]{0,12000}$/, cure: 'write a script of at most 12000 characters; put what is longer into the machine image' }
const TAGS_MAX = 40
/** the master's role may launch and end only what carries it */
const TAG_INSTALLATION = 'drover:installation'
const SOURCE: Shape = { pattern: /^[\w.:@/-]{1,255}$/, cure: 'write what is mounted, such as fs-0123.efs.us-east-1.amazonaws.com:/' }
const PATH: Shape = { pattern: /^(\/[\w.-]{1,100}){1,8}$/, cure: 'write an absolute path such as /mnt/shared' }
const MOUNTS = { efs: 'nfs4 -o nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport', fsx: 'lustre -o relatime,flock' } as const
/** an agent takes no more */
const SLOTS_MAX = 256

const MARKETS: readonly MarketPolicy[] = ['on-demand', 'spot', 'spot-then-on-demand']
const NETWORK_KEYS = ['subnet_id', 'security_group_id', 'public_ip']
const KEYS = [
  'type', 'region', 'instance_type', 'instance_types', 'image_id', 'subnets', 'security_groups', 'network_interface', 'availability_zones', 'market', 'spot',
  'spot_max_price', 'max_price_per_hour', 'min_instances', 'max_instances', 'max_idle_agent_period', 'max_agent_starting_period', 'max_starting_period',
  'iam_instance_profile_arn', 'instance_profile', 'ssh_key_name', 'root_volume_size', 'root_volume_throughput', 'instance_name', 'custom_tags',
  'instance_slots', 'cpu_slots_allowed', 'startup_script', 'master_url', 'placement_group', 'efa', 'shared_files',
]
/** Keys of Determined's: the agent is no container here, retries are the scale decider's, instances are found by their cluster's tag. */
const WITHOUT = [
  'master_cert_name', 'container_startup_script', 'agent_docker_network', 'agent_docker_runtime', 'agent_docker_image', 'agent_fluent_image',
  'agent_reconnect_attempts', 'agent_reconnect_backoff', 'agent_config_file_contents', 'launch_error_timeout', 'launch_error_retries', 'tag_key', 'tag_value',
  'log_group', 'log_stream',
]

/** `resource_pools[].provider` with Determined's keys where they exist. */
export function readProvider(provider: Section, pool: string, given: ProviderGiven): ProviderConfig {
  provider.onlyKeys(KEYS, WITHOUT)
  provider.choice('type', ['aws'], 'aws')
  if (!provider.has('type')) provider.wrong('type', 'it is required: write aws')
  const network = provider.section('network_interface')
  network.onlyKeys(NETWORK_KEYS, [])
  const region = readRegion(provider, given.region)
  return {
    policy: readPolicy(provider, pool, region),
    subnets: eitherTexts(provider, network, 'subnets', 'subnet_id', SUBNET),
    zones: readZones(provider, region),
    settings: readSettings(provider, network, pool, given.installation),
    startupScript: readSharedFiles(provider) + provider.text('startup_script', SCRIPT, ''),
    masterUrl: readMasterUrl(provider, given.agentUrl),
  }
}

function readPolicy(provider: Section, pool: string, region: string): ProviderConfig['policy'] {
  const types = provider.oneOf('instance_type', 'instance_types')
  const instanceTypes = provider.texts(types, TYPE)
  if (!provider.has(types)) provider.wrong(types, `it is required: ${TYPE.cure}, or a list of such in order of preference`)
  const minInstances = provider.whole('min_instances', { min: 0, max: 10_000, fallback: 0 })
  const maxInstances = provider.whole('max_instances', { min: 0, max: 10_000, fallback: 5 })
  if (minInstances > maxInstances) provider.wrong('min_instances', `write at most max_instances, which is ${maxInstances}`)
  const market = readMarket(provider)
  const spotMaxPrice = provider.dollars('spot_max_price')
  if (market === 'on-demand' && provider.has('spot_max_price')) provider.wrong('spot_max_price', 'the pool never bids: leave it out, or set market to spot or spot-then-on-demand')
  return {
    name: pool, region, instanceTypes, market, spotMaxPrice, minInstances, maxInstances,
    maxPricePerHour: provider.dollars('max_price_per_hour'),
    maxStartingMs: provider.duration(provider.oneOf('max_agent_starting_period', 'max_starting_period'), {
      fallback: 1_200_000, min: 1_000, cure: 'an instance needs time to boot before it is given up: write at least 1s; 20m suits most images',
    }),
    maxIdleMs: provider.duration('max_idle_agent_period', {
      fallback: 1_200_000, min: 1_000, cure: 'an instance would be retired before any work could reach it: write at least 1s; 20m suits most pools',
    }),
    instanceSlots: provider.has('instance_slots') ? provider.whole('instance_slots', { min: 1, max: SLOTS_MAX, fallback: 1 }) : null,
    cpuSlotsAllowed: provider.flag('cpu_slots_allowed', false),
  }
}

function readRegion(provider: Section, fallback: string | null): string {
  const region = provider.text('region', REGION, fallback)
  if (!provider.has('region') && region !== '' && !REGION.pattern.test(region)) provider.wrong('region', `AWS_REGION is ${JSON.stringify(region)}: ${REGION.cure}`)
  return region
}

/** `shared_files`: lines of the start-up script that mount them; a machine without them does not come up. */
function readSharedFiles(provider: Section): string {
  if (!provider.has('shared_files')) return ''
  const files = provider.section('shared_files')
  files.onlyKeys(['type', 'source', 'path'], [])
  const kind = files.choice('type', ['efs', 'fsx'] as const, 'efs')
  const source = files.text('source', SOURCE, null)
  const path = files.text('path', PATH, '/mnt/shared')
  return `set -e\nmkdir -p ${path}\nmountpoint -q ${path} || mount -t ${MOUNTS[kind]} ${source} ${path}\nset +e\n`
}

/** `market`, or Determined's `spot`. */
function readMarket(provider: Section): MarketPolicy {
  const spot = provider.flag('spot', false)
  if (!provider.has('market')) return spot ? 'spot' : 'on-demand'
  const market = provider.choice('market', MARKETS, 'on-demand')
  if (provider.has('spot') && spot !== (market !== 'on-demand')) provider.wrong('spot', `market says ${market}: leave spot out`)
  return market
}

function readZones(provider: Section, region: string): string[] {
  const zones = provider.texts('availability_zones', ZONE)
  const foreign = zones.find((zone) => !zone.startsWith(region))
  if (foreign !== undefined) provider.wrong('availability_zones', `${foreign} is not in region ${region}: name zones of that region, such as ${region}a`)
  return zones
}

function readSettings(provider: Section, network: Section, pool: string, installation: string | null): LaunchSettings {
  const profile = provider.oneOf('iam_instance_profile_arn', 'instance_profile')
  return {
    imageId: provider.text('image_id', IMAGE, null),
    placementGroup: provider.text('placement_group', LINE, '') || null,
    efa: provider.flag('efa', false),
    instanceProfile: provider.text(profile, profile === 'instance_profile' ? PROFILE : PROFILE_ARN, '') || null,
    securityGroups: eitherTexts(provider, network, 'security_groups', 'security_group_id', GROUP),
    publicIp: network.flag('public_ip', true),
    keyName: provider.text('ssh_key_name', LINE, '') || null,
    rootVolumeGib: provider.whole('root_volume_size', { min: 8, max: 16_384, fallback: 200 }),
    rootVolumeThroughput: provider.whole('root_volume_throughput', { min: 125, max: 1_000, fallback: 250 }),
    instanceName: provider.text('instance_name', LINE, `drover-${pool}`),
    tags: [...(installation === null ? [] : [{ key: TAG_INSTALLATION, value: installation }]), ...readTags(provider)],
  }
}

function readTags(provider: Section): { key: string; value: string }[] {
  const rows = provider.sections('custom_tags')
  if (rows.length > TAGS_MAX) provider.wrong('custom_tags', `write at most ${TAGS_MAX} tags`)
  const keys = new Set(['Name'])
  return rows.map((row) => {
    row.onlyKeys(['key', 'value'], [])
    const tag = { key: row.text('key', TAG_KEY, null), value: row.text('value', TAG_VALUE, null) }
    if (keys.has(tag.key)) row.wrong('key', tag.key === 'Name' ? 'the name of an instance is instance_name' : 'write each key once')
    keys.add(tag.key)
    return tag
  })
}

/** Our list, or the one text that Determined has for it. */
function eitherTexts(provider: Section, network: Section, list: string, one: string, shape: Shape): string[] {
  if (provider.has(list) && network.has(one)) network.wrong(one, `it says the same as ${list}: write one of the two`)
  return provider.has(list) ? provider.texts(list, shape) : network.texts(one, shape)
}

function readMasterUrl(provider: Section, agentUrl: string): string {
  const url = provider.text('master_url', HTTPS, agentUrl).replace(/\/+$/, '')
  if (isLoopback(url)) provider.warn('master_url', `is ${url}, which instances of EC2 cannot reach: set agent_url, or master_url here`)
  return url
}

export function isLoopback(url: string): boolean {
  return /^\w+:\/\/([^@/]*@)?(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])(:|\/|$)/.test(url)
}
