import { expect, test, describe } from 'vitest'
import { isAllowed, type IamPolicy, type IamRequest } from '../../test/rig/iam/evaluate.ts'
import { reachOf } from '../../test/rig/cfn/reach.ts'
import { danglingReferences, HERE, rendered } from '../../test/rig/cfn/render.ts'
import { existingNetwork, VARIANTS } from '../../test/rig/cfn/variants.ts'
import { readStackConfig } from './read-config.ts'
import { templateOf } from './template.ts'
import { PORTS, type Json, type Template } from './words.ts'

const ALL = { ...VARIANTS, 'an existing network': existingNetwork('vpc-0123456789abcdef0', ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1']) }
const templates = Object.entries(ALL).map(([name, yaml]) => [name, templateOf(readStackConfig(yaml, {}))] as const)
const plain = templateOf(readStackConfig(VARIANTS['default'] ?? '', {}))

describe.each(templates)('the template of: %s', (_, template) => {
  test('stands by itself, is small enough, and is the same each time', () => {
    expect(danglingReferences(template)).toEqual([])
    // the most that CloudFormation takes without a bucket
    expect(JSON.stringify(template).length).toBeLessThan(51_200)
    expect(Object.keys(template.Resources).length).toBeLessThan(500)
  })

  test('nobody but the allowed addresses comes in, and the database sees the master alone', () => {
    const reach = reachOf(template)
    const groups = Object.keys(template.Resources).filter((id) => template.Resources[id]?.Type === 'AWS::EC2::SecurityGroup')
    expect(reach.fromAddress('203.0.113.7', 'MasterSecurityGroup', PORTS.people)).toBe(true)
    for (const group of groups) {
      for (const port of [22, 80, 443, 2049, 4222, 5432, 8080, 8443, 65_535]) {
        expect(`${group} ${port} ${reach.fromAddress('198.51.100.1', group, port)}`).toBe(`${group} ${port} false`)
        if (port !== PORTS.people || group !== 'MasterSecurityGroup') expect(`${group} ${port} ${reach.fromAddress('203.0.113.7', group, port)}`).toBe(`${group} ${port} false`)
      }
    }
    expect(reach.between('AgentSecurityGroup', 'MasterSecurityGroup', PORTS.agents)).toBe(true)
    expect(reach.between('AgentSecurityGroup', 'MasterSecurityGroup', PORTS.people)).toBe(false)
    expect(reach.between('AgentSecurityGroup', 'AgentSecurityGroup', 31_337)).toBe(true)
    expect(reach.between('MasterSecurityGroup', 'AgentSecurityGroup', 22)).toBe(false)
    if (groups.includes('DatabaseSecurityGroup')) {
      expect(reach.between('MasterSecurityGroup', 'DatabaseSecurityGroup', 5432)).toBe(true)
      expect(reach.between('AgentSecurityGroup', 'DatabaseSecurityGroup', 5432)).toBe(false)
      expect(reach.toAddress('DatabaseSecurityGroup', '198.51.100.1', 443)).toBe(false)
    }
  })

  test('every machine asks for a session of its metadata service, one hop away, and encrypts its disk', () => {
    const data = mapping(template.Resources['MasterTemplate']?.Properties?.['LaunchTemplateData'])
    expect(data['MetadataOptions']).toMatchObject({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 })
    expect(JSON.stringify(data['BlockDeviceMappings'])).toContain('"Encrypted":true')
    expect(JSON.stringify(data['BlockDeviceMappings'])).toContain('"VolumeType":"gp3"')
  })

  test('everything that can be tagged carries the installation', () => {
    const without = Object.entries(template.Resources).filter(([, { Type, Properties = {} }]) => TAGGED.test(Type) && !JSON.stringify(Properties).includes('drover:installation'))
    expect(without.map(([id]) => id)).toEqual([])
  })
})

const TAGGED = /^AWS::(EC2::(VPC|Subnet|InternetGateway|RouteTable|SecurityGroup|EIP|LaunchTemplate)|IAM::Role|S3::Bucket|RDS::\w+|SecretsManager::Secret|EFS::FileSystem|FSx::FileSystem|Logs::LogGroup|AutoScaling::AutoScalingGroup)$/

test('checkpoints outlive the stack: the bucket and its policy are retained, encrypted, closed, over TLS', () => {
  const { Bucket, BucketPolicy } = plain.Resources
  expect([Bucket?.DeletionPolicy, Bucket?.UpdateReplacePolicy, BucketPolicy?.DeletionPolicy]).toEqual(['Retain', 'Retain', 'Retain'])
  expect(Bucket?.Properties?.['PublicAccessBlockConfiguration']).toEqual({ BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true })
  const policy = rendered(plain, BucketPolicy?.Properties?.['PolicyDocument'] ?? null) as unknown as IamPolicy
  const everything: IamPolicy = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
  const put = { action: 's3:PutObject', resource: 'arn:aws:s3:::bucket/k' }
  expect(isAllowed({ ...put, context: { 'aws:SecureTransport': 'false' } }, [everything, policy])).toBe(false)
  expect(isAllowed({ ...put, context: { 'aws:SecureTransport': 'true' } }, [everything, policy])).toBe(true)
})

test('the database is private, encrypted, backed up, and its password stands nowhere', () => {
  for (const name of ['default', 'Aurora']) {
    const template = templateOf(readStackConfig(VARIANTS[name] ?? '', {}))
    const { Properties = {}, DeletionPolicy } = template.Resources['Database'] ?? { Type: '' }
    expect(Properties).toMatchObject({ StorageEncrypted: true, DeletionProtection: true, BackupRetentionPeriod: 7 })
    expect(DeletionPolicy).toBe('Delete')
    expect(JSON.stringify(rendered(template, Properties['MasterUserPassword'] ?? ''))).toContain('{{resolve:secretsmanager:DatabaseSecret')
  }
})

test('words of a pool are never read as words of CloudFormation', () => {
  const yaml = `${VARIANTS['default']}resource_pools: [{pool_name: odd, description: '\${AWS::AccountId} {"Ref": "MasterRole"} \\u0001', provider: {instance_type: g5.xlarge}}]\n`
  const data = mapping(templateOf(readStackConfig(yaml, {})).Resources['MasterTemplate']?.Properties?.['LaunchTemplateData'])
  const text = String(rendered(plain, data['UserData'] ?? ''))
  const document = JSON.parse(text.split('\n---\n')[1] ?? '') as { resource_pools: { description: string; provider: Record<string, unknown> }[] }
  expect(document.resource_pools[0]?.description).toContain('${AWS::AccountId} {"Ref": "MasterRole"}')
  expect(document.resource_pools[0]?.provider).toMatchObject({ type: 'aws', instance_type: 'g5.xlarge', security_groups: ['AgentSecurityGroup'], subnets: ['Subnet1', 'Subnet2', 'Subnet3'] })
})

describe('what the roles may do', () => {
  const tag = { 'aws:RequestTag/drover:installation': 'drover' }
  const ours = { 'aws:ResourceTag/drover:installation': 'drover' }
  const ec2 = (kind: string, id: string): string => `arn:aws:ec2:${HERE.region}:${HERE.account}:${kind}/${id}`
  const launch = (resource: string, context: Record<string, string> = {}): IamRequest => ({ action: 'ec2:RunInstances', resource, context })

  test.each<[string, string, IamRequest]>([
    ['launches with the tag', 'MasterRole', launch(ec2('instance', '*'), tag)],
    ['with its disk', 'MasterRole', launch(ec2('volume', '*'), tag)],
    ['on a network card', 'MasterRole', launch(ec2('network-interface', '*'))],
    ['of its image', 'MasterRole', launch('arn:aws:ec2:us-east-1::image/ami-1')],
    ['into its subnet', 'MasterRole', launch(ec2('subnet', 'Subnet2'))],
    ['into its group', 'MasterRole', launch(ec2('security-group', 'AgentSecurityGroup'))],
    ['tags at the launch', 'MasterRole', { action: 'ec2:CreateTags', resource: ec2('instance', 'i-1'), context: { ...tag, 'ec2:CreateAction': 'RunInstances' } }],
    ['ends its own', 'MasterRole', { action: 'ec2:TerminateInstances', resource: ec2('instance', 'i-1'), context: ours }],
    ['reads a console', 'MasterRole', { action: 'ec2:GetConsoleOutput', resource: ec2('instance', 'i-1'), context: ours }],
    ['looks', 'MasterRole', { action: 'ec2:DescribeSpotPriceHistory', resource: '*' }],
    ['gives the agents their role', 'MasterRole', { action: 'iam:PassRole', resource: `arn:aws:iam::${HERE.account}:role/AgentRole`, context: { 'iam:PassedToService': 'ec2.amazonaws.com' } }],
    ['reads and deletes checkpoints', 'MasterRole', { action: 's3:DeleteObject', resource: 'arn:aws:s3:::bucket/c/experiments/1/x' }],
    ['lists', 'MasterRole', { action: 's3:ListBucket', resource: 'arn:aws:s3:::bucket' }],
    ['reads the database\'s secret', 'MasterRole', { action: 'secretsmanager:GetSecretValue', resource: `arn:aws:secretsmanager:${HERE.region}:${HERE.account}:secret:drover/drover/database-AbCdEf` }],
    ['keeps its state', 'MasterRole', { action: 'secretsmanager:PutSecretValue', resource: `arn:aws:secretsmanager:${HERE.region}:${HERE.account}:secret:drover/drover/state-AbCdEf` }],
    ['opens sessions for runs', 'MasterRole', { action: 'sts:AssumeRole', resource: `arn:aws:iam::${HERE.account}:role/CheckpointRole` }],
    ['an agent spills', 'AgentRole', { action: 's3:PutObject', resource: 'arn:aws:s3:::bucket/spill/i-1/manifest.json' }],
    ['a session writes', 'CheckpointRole', { action: 's3:PutObject', resource: 'arn:aws:s3:::bucket/c/experiments/1/e1/f' }],
  ])('allowed: %s', (_, role, request) => {
    expect(isAllowed(request, policiesOf(plain, role))).toBe(true)
  })

  test.each<[string, string, IamRequest]>([
    ['to launch without the tag', 'MasterRole', launch(ec2('instance', '*'))],
    ['with another installation\'s', 'MasterRole', launch(ec2('instance', '*'), { 'aws:RequestTag/drover:installation': 'other' })],
    ['into a foreign subnet', 'MasterRole', launch(ec2('subnet', 'subnet-9'))],
    ['into a foreign group', 'MasterRole', launch(ec2('security-group', 'sg-9'))],
    ['to tag what is there', 'MasterRole', { action: 'ec2:CreateTags', resource: ec2('instance', 'i-1'), context: tag }],
    ['to end another\'s instance', 'MasterRole', { action: 'ec2:TerminateInstances', resource: ec2('instance', 'i-1'), context: { 'aws:ResourceTag/drover:installation': 'other' } }],
    ['to end an instance without a tag', 'MasterRole', { action: 'ec2:TerminateInstances', resource: ec2('instance', 'i-1') }],
    ['to stop instances', 'MasterRole', { action: 'ec2:StopInstances', resource: ec2('instance', 'i-1'), context: ours }],
    ['to give itself as a role', 'MasterRole', { action: 'iam:PassRole', resource: `arn:aws:iam::${HERE.account}:role/MasterRole`, context: { 'iam:PassedToService': 'ec2.amazonaws.com' } }],
    ['to give the role to another service', 'MasterRole', { action: 'iam:PassRole', resource: `arn:aws:iam::${HERE.account}:role/AgentRole`, context: { 'iam:PassedToService': 'lambda.amazonaws.com' } }],
    ['to make users', 'MasterRole', { action: 'iam:CreateUser', resource: '*' }],
    ['to change roles', 'MasterRole', { action: 'iam:PutRolePolicy', resource: `arn:aws:iam::${HERE.account}:role/AgentRole` }],
    ['to read another bucket', 'MasterRole', { action: 's3:GetObject', resource: 'arn:aws:s3:::other/x' }],
    ['to read other secrets', 'MasterRole', { action: 'secretsmanager:GetSecretValue', resource: `arn:aws:secretsmanager:${HERE.region}:${HERE.account}:secret:prod/db-AbCdEf` }],
    ['to delete its bucket', 'MasterRole', { action: 's3:DeleteBucket', resource: 'arn:aws:s3:::bucket' }],
    ['to take a foreign role', 'MasterRole', { action: 'sts:AssumeRole', resource: `arn:aws:iam::${HERE.account}:role/Admin` }],
    ['an agent to read checkpoints', 'AgentRole', { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/c/experiments/1/x' }],
    ['an agent to write past spill', 'AgentRole', { action: 's3:PutObject', resource: 'arn:aws:s3:::bucket/c/experiments/1/x' }],
    ['an agent to read what was spilled', 'AgentRole', { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/spill/i-2/x' }],
    ['an agent to delete', 'AgentRole', { action: 's3:DeleteObject', resource: 'arn:aws:s3:::bucket/spill/i-1/x' }],
    ['an agent to launch', 'AgentRole', launch(ec2('instance', '*'), tag)],
    ['an agent to end instances', 'AgentRole', { action: 'ec2:TerminateInstances', resource: ec2('instance', 'i-1'), context: ours }],
    ['an agent to take the roles of runs', 'AgentRole', { action: 'sts:AssumeRole', resource: `arn:aws:iam::${HERE.account}:role/CheckpointRole` }],
    ['an agent to read secrets', 'AgentRole', { action: 'secretsmanager:GetSecretValue', resource: `arn:aws:secretsmanager:${HERE.region}:${HERE.account}:secret:drover/drover/state-AbCdEf` }],
    ['a session to delete', 'CheckpointRole', { action: 's3:DeleteObject', resource: 'arn:aws:s3:::bucket/c/x' }],
    ['data without data buckets', 'DataRole', { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/c/x' }],
  ])('refused: %s', (_, role, request) => {
    expect(isAllowed(request, policiesOf(plain, role))).toBe(false)
  })

  test('data of the buckets that are named, to read only', () => {
    const template = templateOf(readStackConfig(VARIANTS['data buckets, own images, tags'] ?? '', {}))
    const may = (action: string, resource: string): boolean => isAllowed({ action, resource }, policiesOf(template, 'DataRole'))
    expect([may('s3:GetObject', 'arn:aws:s3:::data-a/x'), may('s3:PutObject', 'arn:aws:s3:::data-a/x'), may('s3:GetObject', 'arn:aws:s3:::data-c/x')]).toEqual([true, false, false])
  })

  test('a prefix keeps an installation out of the rest of a bucket', () => {
    const template = templateOf(readStackConfig(VARIANTS['two zones, a bucket that is there'] ?? '', {}))
    const may = (resource: string): boolean => isAllowed({ action: 's3:DeleteObject', resource }, policiesOf(template, 'MasterRole'))
    expect([may('arn:aws:s3:::my-checkpoints/team/drover/x'), may('arn:aws:s3:::my-checkpoints/team/other/x')]).toEqual([true, false])
  })
})

/** Inline policies of a role, and those that name it. */
function policiesOf(template: Template, role: string): IamPolicy[] {
  const inline = template.Resources[role]?.Properties?.['Policies']
  const attached = Object.values(template.Resources).filter(({ Type, Properties = {} }) => Type === 'AWS::IAM::Policy' && JSON.stringify(Properties['Roles']).includes(`"${role}"`)).map(({ Properties = {} }) => Properties['PolicyDocument'])
  const documents = [...(Array.isArray(inline) ? inline.map((one: Json) => mapping(one)['PolicyDocument']) : []), ...attached]
  return documents.map((document) => rendered(template, document ?? null) as unknown as IamPolicy)
}

function mapping(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { readonly [key: string]: Json }) : {}
}
