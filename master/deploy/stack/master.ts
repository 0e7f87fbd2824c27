import { PORTS, type ImageRef, type Json, type Resource, type Resources, type StackConfig } from '../words.ts'
import { bucketName } from './bucket.ts'
import { attribute, joined, ref, resource, secretName, tags } from './make.ts'
import { placesOf } from './network.ts'
import { poolsText } from './pools.ts'

/** gp3: what costs nothing extra up to 125 MB/s is not enough to pull images beside a database of logs */
const VOLUME = { VolumeType: 'gp3', Throughput: 250, Iops: 3_000, Encrypted: true, DeleteOnTermination: true } as const
const HEALTH_GRACE_S = 600

/**
 * The master's machine: a group of exactly one, so that AWS makes it anew when it dies. Its address stays (an Elastic IP that the machine
 * takes at boot), its keys stay (the state secret), all else is in Postgres and the bucket.
 */
export function masterResources(config: StackConfig): Resources {
  return {
    MasterAddress: resource('AWS::EC2::EIP', { Domain: 'vpc', Tags: tags(config, 'master') }, config.network.kind === 'new' ? { DependsOn: 'GatewayAttachment' } : {}),
    StateSecret: resource('AWS::SecretsManager::Secret', { Name: secretName(config, 'state'), Description: 'Keys of Drover\'s certificate authority and of its NATS accounts, kept by the master', Tags: tags(config, 'state') }),
    MasterLogs: logGroup(config, 'master'),
    AgentLogs: logGroup(config, 'agents'),
    MasterTemplate: masterTemplate(config),
    Master: resource('AWS::AutoScaling::AutoScalingGroup', {
      MinSize: '1', MaxSize: '1', DesiredCapacity: '1', HealthCheckType: 'EC2', HealthCheckGracePeriod: HEALTH_GRACE_S,
      VPCZoneIdentifier: [...placesOf(config).subnets],
      LaunchTemplate: { LaunchTemplateId: ref('MasterTemplate'), Version: attribute('MasterTemplate', 'LatestVersionNumber') },
      Tags: autoScalingTags(config),
    }, {
      DependsOn: ['MasterPolicy', ...(config.database.kind === 'external' ? [] : ['DatabaseSecretAttachment']), ...(config.network.kind === 'new' ? ['DefaultRoute'] : [])],
      // one at a time, the old one first: two masters would be safe, but the address is one
      UpdatePolicy: { AutoScalingRollingUpdate: { MinInstancesInService: '0', MaxBatchSize: '1' } },
    }),
    ...(config.efa ? { PlacementGroup: resource('AWS::EC2::PlacementGroup', { Strategy: 'cluster' }) } : {}),
  }
}

function masterTemplate(config: StackConfig): Resource {
  return resource('AWS::EC2::LaunchTemplate', {
    LaunchTemplateData: {
      ImageId: imageId(config.master.image),
      InstanceType: config.master.instanceType,
      IamInstanceProfile: { Arn: attribute('MasterProfile', 'Arn') },
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled' },
      NetworkInterfaces: [{ DeviceIndex: 0, AssociatePublicIpAddress: config.network.kind === 'new' || config.network.publicIp, DeleteOnTermination: true, Groups: [ref('MasterSecurityGroup')] }],
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { ...VOLUME, VolumeSize: config.master.rootVolumeGib } }],
      TagSpecifications: ['instance', 'volume'].map((kind) => ({ ResourceType: kind, Tags: tags(config, 'master') })),
      UserData: { 'Fn::Base64': joined(userData(config)) },
    },
    TagSpecifications: [{ ResourceType: 'launch-template', Tags: tags(config, 'master') }],
  })
}

/** SSM parameters are read when the stack is made or updated. */
export function imageId(image: ImageRef): Json {
  return 'ami' in image ? image.ami : `{{resolve:ssm:${image.parameter}}}`
}

/** One small document: what the machine cannot know, then master.yaml. The machine image's boot reads it. */
function userData(config: StackConfig): Json[] {
  const line = (key: string, ...value: Json[]): Json[] => [`${key}=`, ...value, '\n']
  return [
    '#drover-master\n',
    ...line('AWS_REGION', ref('AWS::Region')),
    ...line('DROVER_INSTALLATION', config.name),
    ...line('DROVER_DB_SECRET', config.database.kind === 'external' ? config.database.secret : secretName(config, 'database')),
    ...line('DROVER_STATE_SECRET', secretName(config, 'state')),
    ...line('DROVER_ADDRESS_ALLOCATION', attribute('MasterAddress', 'AllocationId')),
    ...line('DROVER_PUBLIC_ADDRESS', ref('MasterAddress')),
    ...(config.master.certificateSecret === null ? [] : line('DROVER_CERTIFICATE_SECRET', config.master.certificateSecret)),
    ...line('DROVER_BUCKET', 's3://', bucketName(config), config.bucket.prefix === '' ? '' : `/${config.bucket.prefix}`),
    ...line('DROVER_LOG_GROUP', ref('MasterLogs')),
    ...line('DROVER_CHECKPOINT_ROLE', attribute('CheckpointRole', 'Arn')),
    ...line('DROVER_DATA_ROLE', attribute('DataRole', 'Arn')),
    ...(config.natsUrls.length === 0 ? [] : line('DROVER_NATS_URL', config.natsUrls.join(','))),
    '---\n',
    ...poolsText(config),
  ]
}

function autoScalingTags(config: StackConfig): Json[] {
  return tags(config, 'master').map((tag) => ({ ...(tag as { readonly [key: string]: Json }), PropagateAtLaunch: true }))
}

function logGroup(config: StackConfig, name: string): Resource {
  return resource('AWS::Logs::LogGroup', { LogGroupName: `/drover/${config.name}/${name}`, RetentionInDays: config.logDays, Tags: tags(config, name) })
}

/** https:// address of people. */
export const peopleUrl: Json = joined(['https://', ref('MasterAddress'), `:${PORTS.people}`])
