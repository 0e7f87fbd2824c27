import { TAG_INSTALLATION, type Json, type Resource, type Resources, type StackConfig } from '../words.ts'
import { bucketArn, objectsArn } from './bucket.ts'
import { allow, arn, arnHere, attribute, joined, policy, ref, resource, secretArn, tags, trust, type Statement } from './make.ts'
import { placesOf } from './network.ts'

/** Credentials of a session live so long at most, seconds. */
const SESSION_S = 12 * 3600

/**
 * Four roles, each with what it needs and no more. The master launches, tags and ends only what carries the installation's tag.
 * An agent may write below `spill/` and nothing else; what a run may touch comes from the master as a session of the other two.
 */
export function roleResources(config: StackConfig): Resources {
  const master = { AWS: attribute('MasterRole', 'Arn') }
  return {
    MasterRole: role(config, 'master', { Service: 'ec2.amazonaws.com' }, []),
    // a policy of its own: it names the roles that name the master's
    MasterPolicy: resource('AWS::IAM::Policy', { PolicyName: 'drover-master', Roles: [ref('MasterRole')], PolicyDocument: policy(masterStatements(config)) }),
    MasterProfile: resource('AWS::IAM::InstanceProfile', { Roles: [ref('MasterRole')] }),
    AgentRole: role(config, 'agent', { Service: 'ec2.amazonaws.com' }, agentStatements(config)),
    AgentProfile: resource('AWS::IAM::InstanceProfile', { Roles: [ref('AgentRole')] }),
    CheckpointRole: role(config, 'checkpoints', master, checkpointStatements(config), SESSION_S),
    DataRole: role(config, 'data', master, dataStatements(config), SESSION_S),
  }
}

function role(config: StackConfig, name: string, principal: { readonly [key: string]: Json }, statements: readonly Statement[], seconds?: number): Resource {
  return resource('AWS::IAM::Role', {
    AssumeRolePolicyDocument: trust(principal),
    Tags: tags(config, name),
    ...(statements.length === 0 ? {} : { Policies: [{ PolicyName: `drover-${name}`, PolicyDocument: policy(statements) }] }),
    ...(seconds === undefined ? {} : { MaxSessionDuration: seconds }),
  })
}

const asked = (config: StackConfig): { StringEquals: { [key: string]: string } } => ({ StringEquals: { [`aws:RequestTag/${TAG_INSTALLATION}`]: config.name } })
const carried = (config: StackConfig): { StringEquals: { [key: string]: string } } => ({ StringEquals: { [`aws:ResourceTag/${TAG_INSTALLATION}`]: config.name } })

function masterStatements(config: StackConfig): Statement[] {
  return [...launchStatements(config), ...bucketStatements(config), ...secretStatements(config), ...smallStatements(config)]
}

function launchStatements(config: StackConfig): Statement[] {
  const ec2 = (kind: string): Json => arnHere('ec2', `${kind}/*`)
  return [
    allow('Look', [
      'ec2:DescribeInstances', 'ec2:DescribeInstanceTypes', 'ec2:DescribeImages', 'ec2:DescribeSubnets', 'ec2:DescribeSpotPriceHistory',
      'ec2:DescribeInstanceTypeOfferings', 'ec2:DescribeAvailabilityZones', 'servicequotas:GetServiceQuota', 'servicequotas:ListServiceQuotas',
    ], '*'),
    allow('LaunchWithOurTag', ['ec2:RunInstances'], [ec2('instance'), ec2('volume')], asked(config)),
    allow('LaunchFrom', ['ec2:RunInstances'], [arn('ec2:', ref('AWS::Region'), '::image/*'), arn('ec2:', ref('AWS::Region'), '::snapshot/*'), ec2('key-pair'), ec2('placement-group'), ec2('network-interface')]),
    allow('LaunchIntoOurGroup', ['ec2:RunInstances'], [arnHere('ec2', 'security-group/', ref('AgentSecurityGroup')), ...placesOf(config).subnets.map((subnet) => arnHere('ec2', 'subnet/', subnet))]),
    allow('TagAtLaunch', ['ec2:CreateTags'], [ec2('instance'), ec2('volume')], { StringEquals: { ...asked(config).StringEquals, 'ec2:CreateAction': 'RunInstances' } }),
    allow('EndOurs', ['ec2:TerminateInstances', 'ec2:GetConsoleOutput'], ec2('instance'), carried(config)),
    allow('PassAgentRole', ['iam:PassRole'], attribute('AgentRole', 'Arn'), { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }),
    allow('FirstSpotInstance', ['iam:CreateServiceLinkedRole'], arn('iam::', ref('AWS::AccountId'), ':role/aws-service-role/spot.amazonaws.com/*'), { StringEquals: { 'iam:AWSServiceName': 'spot.amazonaws.com' } }),
    allow('SessionsForRuns', ['sts:AssumeRole'], [attribute('CheckpointRole', 'Arn'), attribute('DataRole', 'Arn')]),
  ]
}

function bucketStatements(config: StackConfig): Statement[] {
  return [
    allow('Bucket', ['s3:ListBucket', 's3:ListBucketMultipartUploads', 's3:GetBucketLocation'], bucketArn(config)),
    allow('Objects', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], objectsArn(config, '*')),
  ]
}

function secretStatements(config: StackConfig): Statement[] {
  const read: Json[] = [config.database.kind === 'external' ? config.database.secret : secretArn(config, 'database'), ...(config.master.certificateSecret === null ? [] : [config.master.certificateSecret])]
  return [
    allow('ReadSecrets', ['secretsmanager:GetSecretValue'], read),
    allow('KeepState', ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'], secretArn(config, 'state')),
  ]
}

function smallStatements(config: StackConfig): Statement[] {
  return [
    allow('OwnAddress', ['ec2:AssociateAddress'], [arnHere('ec2', 'elastic-ip/', attribute('MasterAddress', 'AllocationId')), arnHere('ec2', 'instance/*'), arnHere('ec2', 'network-interface/*')], carried(config)),
    allow('Logs', ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], joined([attribute('MasterLogs', 'Arn')])),
    allow('Images', ['ssm:GetParameter', 'ssm:GetParameters'], [arnHere('ssm', 'parameter/drover/*'), arn('ssm:', ref('AWS::Region'), '::parameter/aws/service/*')]),
  ]
}

function agentStatements(config: StackConfig): Statement[] {
  return [
    // what an agent saves when the master has been away for too long: it may write there, and neither read nor list
    allow('Spill', ['s3:PutObject', 's3:AbortMultipartUpload'], objectsArn(config, 'spill/*')),
    allow('PullImages', ['ecr:GetAuthorizationToken'], '*'),
    allow('PullLayers', ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'], arnHere('ecr', 'repository/*')),
    allow('Logs', ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], joined([attribute('AgentLogs', 'Arn')])),
  ]
}

/** The most that a session may be given; each is narrowed to its own allocation's keys by its session policy. */
function checkpointStatements(config: StackConfig): Statement[] {
  return [
    allow('Write', ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], objectsArn(config, '*')),
    allow('Read', ['s3:GetObject'], objectsArn(config, '*')),
    allow('List', ['s3:ListBucket'], bucketArn(config)),
  ]
}

function dataStatements(config: StackConfig): Statement[] {
  if (config.dataBuckets.length === 0) return []
  return [
    allow('ListData', ['s3:ListBucket', 's3:GetBucketLocation'], config.dataBuckets.map((name) => arn(`s3:::${name}`))),
    allow('ReadData', ['s3:GetObject'], config.dataBuckets.map((name) => arn(`s3:::${name}/*`))),
  ]
}
