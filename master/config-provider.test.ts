import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { durationMs } from './config-duration.ts'
import { ConfigError, readConfig, type MasterConfig } from './config.ts'

const ENV = { DROVER_DB_URL: 'postgres://h/db', DROVER_NATS_URL: 'nats://a:4222', DROVER_BUCKET: 'file:///b', AWS_REGION: 'eu-west-1', DROVER_AGENT_URL: 'https://master.example:8443/' }
const LEAST = { type: 'aws', instance_type: 'g5.xlarge', image_id: 'ami-0123456789abcdef0' }

function configOf(document: object, env: Record<string, string | undefined> = ENV): MasterConfig {
  return readConfig(stringify(document), env, 1)
}
function providerOf(changes: object, env = ENV): { provider: NonNullable<MasterConfig['resourcePools'][number]['provider']>; warnings: readonly string[] } {
  const config = configOf({ resource_pools: [{ pool_name: 'gpu', provider: { ...LEAST, ...changes } }] }, env)
  const provider = config.resourcePools[0]?.provider
  if (!provider) throw new Error('the pool has no provider')
  return { provider, warnings: config.warnings }
}
/** `key: cure` of each mistake */
function mistakesOf(document: object, env: Record<string, string | undefined> = ENV): string[] {
  try {
    configOf(document, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(({ key, cure }) => `${key}: ${cure}`)
    throw error
  }
  return []
}
const wrong = (provider: object, env = ENV): string[] => mistakesOf({ resource_pools: [{ pool_name: 'gpu', provider: { ...LEAST, ...provider } }] }, env).map((line) => line.replace('resource_pools[0].provider.', ''))

describe('a provider', () => {
  test('type, image and instance type are enough', () => {
    expect(providerOf({})).toEqual({
      warnings: [],
      provider: {
        policy: {
          name: 'gpu', region: 'eu-west-1', instanceTypes: ['g5.xlarge'], market: 'on-demand', spotMaxPrice: null, maxPricePerHour: null, minInstances: 0, maxInstances: 5,
          maxStartingMs: 1_200_000, maxIdleMs: 1_200_000, instanceSlots: null, cpuSlotsAllowed: false,
        },
        subnets: [], zones: [], startupScript: '', masterUrl: 'https://master.example:8443',
        settings: {
          imageId: 'ami-0123456789abcdef0', placementGroup: null, efa: false, instanceProfile: null, securityGroups: [], publicIp: true, keyName: null, rootVolumeGib: 200, rootVolumeThroughput: 250,
          instanceName: 'drover-gpu', tags: [],
        },
      },
    })
  })

  test('an installation tags what it launches; images by parameter, fabric adapters and shared files', () => {
    const yaml = JSON.stringify({ agent_url: 'https://master.example:8443', installation: 'team-a', resource_pools: [{ pool_name: 'gpu', provider: {
      type: 'aws', region: 'eu-west-1', instance_type: 'p5.48xlarge', image_id: 'ssm:/drover/images/agent', placement_group: 'group-1', efa: true, startup_script: 'echo hello\n',
      shared_files: { type: 'efs', source: 'fs-0123.efs.eu-west-1.amazonaws.com:/' },
    } }] })
    const provider = readConfig(yaml, { DROVER_DB_URL: 'postgres://d@localhost/d', DROVER_NATS_URL: 'nats://127.0.0.1:4222', DROVER_BUCKET: 'file:///b' }, 1).resourcePools[0]?.provider
    expect(provider?.settings).toMatchObject({ imageId: 'ssm:/drover/images/agent', placementGroup: 'group-1', efa: true, tags: [{ key: 'drover:installation', value: 'team-a' }] })
    expect(provider?.startupScript).toMatch(/^set -e\nmkdir -p \/mnt\/shared\nmountpoint -q \/mnt\/shared \|\| mount -t nfs4 -o \S+ fs-0123\.efs\.eu-west-1\.amazonaws\.com:\/ \/mnt\/shared\nset \+e\necho hello\n$/)
    expect(wrong({ shared_files: { type: 'nfs', source: 'a; rm -rf /' } })).toEqual([expect.stringContaining('write one of efs, fsx'), expect.stringContaining('write what is mounted')])
  })

  test("Determined's own keys", () => {
    const { provider, warnings } = providerOf({
      region: 'us-east-1', spot: true, spot_max_price: '0.75', instance_type: 'g5.12xlarge', instance_slots: 4, cpu_slots_allowed: true, min_instances: 1, max_instances: 8,
      max_idle_agent_period: '1h30m', max_agent_starting_period: '90s', ssh_key_name: 'ops', root_volume_size: 400, instance_name: 'trainer', custom_tags: [{ key: 'team', value: 'vision' }],
      network_interface: { subnet_id: 'subnet-0123456789', security_group_id: 'sg-0123456789', public_ip: false },
      iam_instance_profile_arn: 'arn:aws:iam::123456789012:instance-profile/agents/drover', startup_script: 'echo hello\n', master_url: 'https://10.0.0.5:8443',
      master_cert_name: 'x', agent_docker_runtime: 'runc', container_startup_script: '', launch_error_retries: 0, tag_key: 'managed_by', log_group: null,
    })
    expect(provider.policy).toMatchObject({ region: 'us-east-1', market: 'spot', spotMaxPrice: 0.75, instanceSlots: 4, cpuSlotsAllowed: true, minInstances: 1, maxInstances: 8, maxIdleMs: 5_400_000, maxStartingMs: 90_000 })
    expect(provider).toMatchObject({ subnets: ['subnet-0123456789'], startupScript: 'echo hello\n', masterUrl: 'https://10.0.0.5:8443' })
    expect(provider.settings).toMatchObject({
      securityGroups: ['sg-0123456789'], publicIp: false, keyName: 'ops', rootVolumeGib: 400, instanceName: 'trainer', tags: [{ key: 'team', value: 'vision' }],
      instanceProfile: 'arn:aws:iam::123456789012:instance-profile/agents/drover',
    })
    expect(warnings.map((line) => line.replace('resource_pools[0].provider.', ''))).toEqual(
      ['master_cert_name', 'agent_docker_runtime', 'launch_error_retries', 'tag_key'].map((key) => `${key} is accepted for compatibility and has no effect here`),
    )
  })

  test('our keys beside them', () => {
    const { provider } = providerOf({
      instance_type: undefined, instance_types: ['g6.xlarge', 'g5.xlarge'], market: 'spot-then-on-demand', max_price_per_hour: 2.5, availability_zones: ['eu-west-1b', 'eu-west-1a'],
      subnets: ['subnet-0123456789', 'subnet-9876543210'], security_groups: 'sg-0123456789', instance_profile: 'drover-agent', root_volume_throughput: 1000, max_starting_period: '10m',
    })
    expect(provider.policy).toMatchObject({ instanceTypes: ['g6.xlarge', 'g5.xlarge'], market: 'spot-then-on-demand', maxPricePerHour: 2.5, maxStartingMs: 600_000 })
    expect(provider).toMatchObject({ subnets: ['subnet-0123456789', 'subnet-9876543210'], zones: ['eu-west-1b', 'eu-west-1a'] })
    expect(provider.settings).toMatchObject({ securityGroups: ['sg-0123456789'], instanceProfile: 'drover-agent', rootVolumeThroughput: 1000 })
  })

  test.each<[object, string | RegExp]>([
    [{ type: 'gcp' }, 'type: write one of aws'],
    [{ type: null }, 'type: it is required: write aws'],
    [{ image_id: null }, /^image_id: it is required: write the id of a machine image/],
    [{ instance_type: null }, /^instance_type: it is required/],
    [{ instance_type: [] }, /^instance_type: write an instance type/],
    [{ instance_type: 'large' }, /^instance_type: write an instance type such as g5.xlarge/],
    [{ instance_type: ['g5.xlarge', 'g5.xlarge'] }, /each once$/],
    [{ instance_types: ['g6.xlarge'] }, 'instance_types: it says the same as instance_type: write one of the two'],
    [{ region: 'virginia' }, 'region: write a region such as us-east-1'],
    [{ availability_zones: ['us-east-1a'] }, /^availability_zones: us-east-1a is not in region eu-west-1/],
    [{ subnets: ['subnet-01234567'], network_interface: { subnet_id: 'subnet-01234567' } }, 'network_interface.subnet_id: it says the same as subnets: write one of the two'],
    [{ network_interface: { subnet: 'subnet-01234567' } }, 'network_interface.subnet: unknown key; known are subnet_id, security_group_id, public_ip'],
    [{ max_instance: 3 }, 'max_instance: unknown key; did you mean max_instances?'],
    [{ min_instances: 6 }, 'min_instances: write at most max_instances, which is 5'],
    [{ max_instances: 1.5 }, 'max_instances: write a whole number from 0 to 10000'],
    [{ max_idle_agent_period: 0 }, /^max_idle_agent_period: an instance would be retired before any work could reach it: write at least 1s/],
    [{ max_idle_agent_period: '20' }, 'max_idle_agent_period: write a duration such as 90s, 20m or 1h30m'],
    [{ max_agent_starting_period: '0s' }, /^max_agent_starting_period: an instance needs time to boot/],
    [{ max_agent_starting_period: '5m', max_starting_period: '5m' }, /^max_starting_period: it says the same/],
    [{ spot_max_price: 1 }, /^spot_max_price: the pool never bids/],
    [{ market: 'spot', spot_max_price: 0 }, /^spot_max_price: write dollars an hour/],
    [{ market: 'spto' }, 'market: write one of on-demand, spot, spot-then-on-demand; did you mean spot?'],
    [{ market: 'on-demand', spot: true }, 'spot: market says on-demand: leave spot out'],
    [{ spot: 'yes' }, 'spot: write true or false'],
    [{ max_price_per_hour: -1 }, /^max_price_per_hour: write dollars/],
    [{ root_volume_throughput: 100 }, 'root_volume_throughput: write a whole number from 125 to 1000'],
    [{ iam_instance_profile_arn: 'drover' }, /^iam_instance_profile_arn: write an ARN/],
    [{ custom_tags: [{ key: 'drover:pool', value: 'x' }] }, /^custom_tags\[0\].key: write 1 to 128 characters/],
    [{ custom_tags: [{ key: 'Name', value: 'x' }] }, 'custom_tags[0].key: the name of an instance is instance_name'],
    [{ custom_tags: [{ key: 'a', value: 'x' }, { key: 'a', value: 'y' }] }, 'custom_tags[1].key: write each key once'],
    [{ custom_tags: { a: 'b' } }, 'custom_tags: write a list of mappings'],
    [{ master_url: 'http://local-ipv4:8080' }, /^master_url: write the https/],
    [{ startup_script: 'x'.repeat(12_001) }, /^startup_script: write a script of at most 12000/],
    [{ instance_slots: 0 }, /^instance_slots: write a whole number from 1/],
  ])('%j is refused with its cure', (changes, expected) => {
    const [mistake, ...more] = wrong(changes)
    if (typeof expected === 'string') expect(mistake).toBe(expected)
    else expect(mistake).toMatch(expected)
    expect(more).toEqual([])
  })

  test('the sample in README is right, and its keys are those of the table in ARCHITECTURE', async () => {
    const sample = /```yaml\n(agent_url:[\s\S]*?)herd:/.exec(await readFile('README.md', 'utf8'))?.[1] ?? ''
    const config = readConfig(sample, { ...ENV, DROVER_AGENT_URL: '' }, 1)
    expect(config.warnings).toEqual([])
    expect(config.resourcePools[0]?.provider?.policy).toMatchObject({ instanceTypes: ['g6.xlarge', 'g5.xlarge'], market: 'spot-then-on-demand', maxInstances: 8 })
    const table = await readFile('ARCHITECTURE.md', 'utf8')
    const unknown = wrong({ nonsense: 1 })[0] ?? ''
    for (const key of unknown.replace(/^.*known are /, '').split(', ')) expect(table, `${key} is not in ARCHITECTURE.md`).toMatch(new RegExp(`\\b${key}\\b`))
  })

  test('a region comes from somewhere', () => {
    expect(wrong({}, { ...ENV, AWS_REGION: '' })).toEqual(['region: it is required: write a region such as us-east-1'])
    expect(wrong({}, { ...ENV, AWS_REGION: 'mars' })).toEqual(['region: AWS_REGION is "mars": write a region such as us-east-1'])
    expect(providerOf({}, { ...ENV, AWS_REGION: '', AWS_DEFAULT_REGION: 'us-west-2' } as typeof ENV).provider.policy.region).toBe('us-west-2')
  })

  test('all mistakes at once, those of other pools and of the pool itself too', () => {
    expect(mistakesOf({ resource_pools: [{ pool_name: 'a', provider: { type: 'aws' } }, { pool_nam: 'b' }, { pool_name: 'c', provider: 'aws' }] }).map((line) => line.split(': ')[0])).toEqual([
      'resource_pools[0].provider.instance_type', 'resource_pools[0].provider.image_id',
      'resource_pools[1].pool_nam', 'resource_pools[1].pool_name',
      'resource_pools[2].provider', 'resource_pools[2].provider.type', 'resource_pools[2].provider.instance_type', 'resource_pools[2].provider.image_id',
    ])
  })

  test('what deserves a look is said, not refused', () => {
    expect(providerOf({}, { ...ENV, DROVER_AGENT_URL: 'https://127.0.0.1:8443', DROVER_NATS_URL: 'nats://localhost:4222' }).warnings).toEqual([
      'resource_pools[0].provider.master_url is https://127.0.0.1:8443, which instances of EC2 cannot reach: set agent_url, or master_url here',
      'nats.urls names an address that instances of EC2 cannot reach: write it as agents reach it',
    ])
    const config = configOf({ resource_pools: [{ pool_name: 'gpu', description: 'big ones', max_aux_containers_per_agent: 100, scheduler: { type: 'priority' }, task_container_defaults: {} }] })
    expect(config.resourcePools).toEqual([{ name: 'gpu', description: 'big ones', provider: null }])
    expect(config.warnings).toEqual(['max_aux_containers_per_agent', 'scheduler'].map((key) => `resource_pools[0].${key} is accepted for compatibility and has no effect here`))
  })
})

describe('herd', () => {
  let dir = ''
  beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'drover-config-'))))
  afterAll(() => rm(dir, { recursive: true }))
  async function prices(text: string): Promise<string> {
    const path = join(dir, 'prices.json')
    await writeFile(path, text)
    return path
  }

  test('defaults, and all of it', async () => {
    expect(configOf({}).herd).toEqual({ lostMs: 300_000, listMs: 60_000, callMs: 5_000, dryMs: 180_000, prices: {} })
    const path = await prices('{"us-east-1": {"g5.xlarge": 1.006}, "eu-west-1": {}}')
    expect(configOf({ herd: { agent_lost_after: '2s', ec2_list_period: '500ms', launch_call_period: '100ms', dry_period: '1m', price_file: path } }).herd).toEqual({
      lostMs: 2_000, listMs: 500, callMs: 100, dryMs: 60_000, prices: { 'us-east-1': { 'g5.xlarge': 1.006 }, 'eu-west-1': {} },
    })
  })

  test.each([
    ['{', /^herd.price_file: it cannot be read/], ['[]', /^herd.price_file: it holds no mapping/], ['{"us-east-1": 3}', /^herd.price_file: us-east-1 is 3: write a mapping/],
    ['{"us-east-1": {"g5.xlarge": "1"}}', /^herd.price_file: us-east-1 g5.xlarge is "1": write dollars/], ['{"us-east-1": {"g5.xlarge": 0}}', /is 0: write dollars/], ['{"__proto__": {}}', /^herd.price_file: "__proto__" is no region/],
  ])('a price file with %s is refused', async (text, expected) => {
    const [mistake, ...more] = mistakesOf({ herd: { price_file: await prices(text) } })
    expect(mistake).toMatch(expected)
    expect(more).toEqual([])
  })

  test('mistakes', () => {
    expect(mistakesOf({ herd: { agent_lost_afer: '3s', dry_period: 0, ec2_list_period: 5, price_file: '/no/such/file' } }).map((line) => line.slice(0, 50))).toEqual([
      'herd.agent_lost_afer: unknown key; did you mean ag', 'herd.ec2_list_period: write a duration such as 90s', 'herd.dry_period: write a time longer than 0; 180s ', "herd.price_file: it cannot be read (ENOENT: no suc",
    ])
    expect(mistakesOf({ herd: [] })).toEqual(['herd: write a mapping of keys to values'])
  })
})

test.each([
  ['20m', 1_200_000], ['1h30m', 5_400_000], ['10s', 10_000], ['90s', 90_000], ['250ms', 250], ['1.5h', 5_400_000], ['1h0m0s', 3_600_000], ['0', 0], ['0s', 0],
  ['', null], ['20', null], ['-1s', null], ['1d', null], ['s', null], ['1s ', null], ['9000h', null], ['1..5s', null],
])('duration %j', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})
