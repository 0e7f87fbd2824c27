import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { DescribeInstancesCommand, DescribeLaunchTemplatesCommand, DescribeSecurityGroupsCommand, DescribeSubnetsCommand, DescribeVpcsCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2'
import { GetBucketEncryptionCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from '../../images/local/build.mjs'
import { readStackConfig } from '../../master/deploy/read-config.ts'
import { templateOf } from '../../master/deploy/template.ts'
import { existingNetwork, VARIANTS } from '../rig/cfn/variants.ts'
import { missingMoto, startMoto, type OwnMoto } from '../rig/moto.ts'

const missing = missingMoto()
if (missing) process.stderr.write(`tests of the installation skipped: ${missing}\n`)

/** moto passes over these without a word, or cannot make them: what they say is checked in master/deploy/template.test.ts. */
const NOT_IN_MOTO = ['AWS::S3::BucketPolicy', 'AWS::SecretsManager::Secret', 'AWS::SecretsManager::SecretTargetAttachment', 'AWS::RDS::DBCluster', 'AWS::EC2::SecurityGroupEgress', 'AWS::EC2::PlacementGroup']
/** moto knows no FSx, whose mount name the template asks for: not made there. */
const NOT_MADE = ['FSx']

describe.skipIf(missing !== null)('an installation, against moto', () => {
  let moto: OwnMoto
  let dir: string
  let cli: string
  let ec2: EC2Client
  let s3: S3Client

  beforeAll(async () => {
    moto = await startMoto()
    dir = mkdtempSync(join(tmpdir(), 'drover-deploy-'))
    ;[cli = ''] = await build({ names: ['drover'], outDir: join(dir, 'dist'), print: () => undefined })
    const at = { region: 'us-east-1', endpoint: moto.url, credentials: { accessKeyId: 't', secretAccessKey: 't' } }
    ec2 = new EC2Client(at)
    s3 = new S3Client({ ...at, forcePathStyle: true })
  }, 120_000)
  afterAll(async () => {
    ec2?.destroy()
    s3?.destroy()
    await moto?.stop()
    if (dir) rmSync(dir, { recursive: true, force: true })
  })

  interface Ran { code: number | null; out: string; err: string }
  async function drover(...args: string[]): Promise<Ran> {
    const env = { PATH: process.env['PATH'], HOME: dir, AWS_ENDPOINT_URL: moto.url, AWS_ACCESS_KEY_ID: 't', AWS_SECRET_ACCESS_KEY: 't', AWS_REGION: 'us-east-1' }
    const child = spawn(process.execPath, [cli, 'deploy', 'aws', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { code: child.exitCode, out, err }
  }
  function file(yaml: string): string {
    const path = join(dir, 'deploy.yaml')
    writeFileSync(path, yaml)
    return path
  }
  /** Everything that could cost money, or stand in the way of a second try. */
  async function inventory(): Promise<string[]> {
    const [vpcs, groups, templates, instances, buckets] = await Promise.all([
      ec2.send(new DescribeVpcsCommand({})), ec2.send(new DescribeSecurityGroupsCommand({})), ec2.send(new DescribeLaunchTemplatesCommand({})),
      ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: 'instance-state-name', Values: ['pending', 'running'] }] })), s3.send(new ListBucketsCommand({})),
    ])
    return [
      ...(vpcs.Vpcs ?? []).map((one) => `vpc ${one.VpcId}`), ...(groups.SecurityGroups ?? []).map((one) => `group ${one.GroupId}`),
      ...(templates.LaunchTemplates ?? []).map((one) => `launch template ${one.LaunchTemplateId}`),
      ...(instances.Reservations ?? []).flatMap((one) => one.Instances ?? []).map((one) => `instance ${one.InstanceId}`), ...(buckets.Buckets ?? []).map((one) => `bucket ${one.Name}`),
    ].toSorted()
  }

  test.each(Object.entries(VARIANTS).filter(([name]) => !NOT_MADE.includes(name)))('%s: made, every resource stands there, taken away, nothing left but the bucket', async (name, yaml) => {
    await moto.reset()
    const before = await inventory()
    const config = file(yaml)
    const made = await drover('up', '--yes', '--config', config, '-o', 'json')
    expect(made.err + (made.code === 0 ? '' : made.out)).not.toMatch(/failed/i)
    expect(made.code).toBe(0)
    const { outputs } = JSON.parse(made.out) as { outputs: Record<string, string> }
    expect(outputs['Address']).toMatch(/^https:\/\/[\d.]+:8080$/)
    await standsWhole(yaml)
    const again = JSON.parse((await drover('up', '--yes', '--config', config, '-o', 'json')).out) as { changes: unknown[] }
    expect(again.changes).toEqual([])
    const gone = await drover('down', '--yes', '--config', config, '-o', 'json')
    expect([gone.code, gone.code === 0 ? '' : gone.err]).toEqual([0, ''])
    const left = (await inventory()).filter((one) => !before.includes(one))
    expect(left).toEqual(name.includes('bucket that is there') ? [] : [`bucket ${outputs['Bucket']}`])
  }, 120_000)

  async function standsWhole(yaml: string): Promise<void> {
    const template = templateOf(readStackConfig(yaml, {}))
    const { CloudFormationClient, ListStackResourcesCommand } = await import('@aws-sdk/client-cloudformation')
    const client = new CloudFormationClient({ region: 'us-east-1', endpoint: moto.url, credentials: { accessKeyId: 't', secretAccessKey: 't' } })
    const { StackResourceSummaries = [] } = await client.send(new ListStackResourcesCommand({ StackName: 'drover' }))
    client.destroy()
    const there = new Set(StackResourceSummaries.map((one) => one.LogicalResourceId))
    const absent = Object.entries(template.Resources).filter(([id, { Type }]) => !there.has(id) && !NOT_IN_MOTO.includes(Type))
    expect(absent.map(([id]) => id)).toEqual([])
  }

  test('an existing network is used and left as it is; the machines of the herd end with the installation', async () => {
    await moto.reset()
    const vpc = (await ec2.send(new DescribeVpcsCommand({}))).Vpcs?.[0]?.VpcId ?? ''
    const subnets = ((await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpc] }] }))).Subnets ?? []).slice(0, 2).map((one) => one.SubnetId ?? '')
    const config = file(existingNetwork(vpc, subnets))
    const before = await inventory()
    expect((await drover('up', '--yes', '--config', config)).code).toBe(0)
    // as the master launches them, and one of somebody else's
    const launch = { ImageId: 'ami-12c6146b', InstanceType: 'g5.xlarge', MinCount: 1, MaxCount: 1 } as const
    await ec2.send(new RunInstancesCommand({ ...launch, TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'drover:installation', Value: 'drover' }] }] }))
    const other = (await ec2.send(new RunInstancesCommand(launch))).Instances?.[0]?.InstanceId ?? ''
    const status = JSON.parse((await drover('status', '--config', config, '-o', 'json')).out) as { machines: unknown[]; status: string }
    expect([status.status, status.machines.length]).toEqual(['CREATE_COMPLETE', 2])
    const gone = JSON.parse((await drover('down', '--yes', '--config', config, '-o', 'json')).out) as { bucket: string }
    expect(await inventory()).toEqual([...before, `instance ${other}`, `bucket ${gone.bucket}`].toSorted())
  }, 120_000)

  test('a change is planned first and says why; the plan leaves nothing behind', async () => {
    await moto.reset()
    const config = file(VARIANTS['default'] ?? '')
    const fresh = JSON.parse((await drover('plan', '--config', config, '-o', 'json')).out) as { new: boolean; changes: unknown[]; monthly: { parts: { what: string; monthly: number | null }[] } }
    expect([fresh.new, fresh.changes.length > 40]).toEqual([true, true])
    expect(fresh.monthly.parts.find((part) => part.what === 'public address')?.monthly).toBeCloseTo(3.65)
    expect((await drover('list', '-o', 'json')).out.trim()).toBe('[]')
    expect((await drover('up', '--yes', '--config', config)).code).toBe(0)
    const open = file(`${VARIANTS['default']}`.replace('203.0.113.7/32', '203.0.113.0/24'))
    const change = JSON.parse((await drover('plan', '--config', open, '-o', 'json')).out) as { new: boolean; changes: { id: string; action: string }[] }
    expect([change.new, change.changes.map((one) => one.id)]).toEqual([false, ['MasterSecurityGroup']])
    expect((await drover('up', '--config', open)).err).toContain('give --yes')
  }, 120_000)

  test('checkpoints are deleted only when that is said', async () => {
    await moto.reset()
    const config = file(VARIANTS['default'] ?? '')
    const { outputs } = JSON.parse((await drover('up', '--yes', '--config', config, '-o', 'json')).out) as { outputs: { Bucket: string } }
    expect((await s3.send(new GetBucketEncryptionCommand({ Bucket: outputs.Bucket }))).ServerSideEncryptionConfiguration?.Rules).toHaveLength(1)
    await s3.send(new PutObjectCommand({ Bucket: outputs.Bucket, Key: 'c/experiments/1/x', Body: 'weights' }))
    const gone = await drover('down', '--yes', '--delete-checkpoints', '--config', config)
    expect([gone.code, gone.out]).toEqual([0, 'drover is gone, its bucket with 1 objects too\n'])
    expect((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([])
  }, 120_000)

  test('mistakes are told, all at once, before AWS is asked; what is not there too', async () => {
    const wrong = await drover('up', '--yes', '--config', file('region: moon\nallow_cidrs: [0.0.0.0/0]\nmaster: {instance_typ: x}\ndatabase: {type: mysql}\n'))
    expect(wrong.code).toBe(2)
    for (const word of ['region = "moon"', '0.0.0.0/0 is everybody', 'did you mean instance_type?', 'write one of postgres, aurora, external']) expect(wrong.err).toContain(word)
    expect((await drover('up', '--yes', '--region', 'us-east-1')).err).toContain('who may reach the API')
    expect((await drover('status', '--name', 'nothing')).err).toContain('there is no installation nothing in us-east-1')
  }, 60_000)

  test('an address that nobody answers is told as such', async () => {
    const env = { PATH: process.env['PATH'], HOME: dir, AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_ACCESS_KEY_ID: 't', AWS_SECRET_ACCESS_KEY: 't', AWS_MAX_ATTEMPTS: '1' }
    const child = spawn(process.execPath, [cli, 'deploy', 'aws', 'list', '--region', 'us-east-1'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const [err] = await Promise.all([text(child.stderr), once(child, 'close')])
    expect([child.exitCode, err]).toEqual([1, expect.stringContaining('AWS cannot be reached')])
  }, 60_000)
})

const lint = join(dirname(process.env['DROVER_TEST_NATS_SERVER'] ?? ''), 'cfn-lint')
const missingLint = existsSync(lint) ? null : 'cfn-lint is not beside nats-server'
if (missingLint) process.stderr.write(`the template is not linted: ${missingLint}\n`)

test.skipIf(missingLint !== null)('cfn-lint finds nothing in any variant', () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-lint-'))
  try {
    const all = { ...VARIANTS, existing: existingNetwork('vpc-0123456789abcdef0', ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1']) }
    const files = Object.values(all).map((yaml, index) => {
      const path = join(dir, `${index}.json`)
      writeFileSync(path, JSON.stringify(templateOf(readStackConfig(yaml, {})), null, 1))
      return path
    })
    // exit 0 only without any finding
    expect(execFileSync(lint, files, { encoding: 'utf8' })).toBe('')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}, 120_000)
