import type { InstanceNetworkInterfaceSpecification, RunInstancesCommandInput, Tag } from '@aws-sdk/client-ec2'
import type { CloudLaunch, LaunchSettings } from './door.ts'

export const TAG_CLUSTER = 'drover:cluster'
export const TAG_POOL = 'drover:pool'
export const TAG_LAUNCH = 'drover:launch'

/** gp3 gives 3000 IOPS for nothing and wants one for each quarter MB/s */
const IOPS_FREE = 3_000
const IOPS_PER_MB = 4

/** The whole of RunInstances. `rootDevice` is the image's, e.g. `/dev/xvda`. */
export function runInput(launch: CloudLaunch, clusterId: string, rootDevice: string): RunInstancesCommandInput {
  const { settings } = launch
  const tags = tagsOf(launch, clusterId)
  return {
    ClientToken: launch.token,
    ImageId: settings.imageId,
    InstanceType: launch.type as NonNullable<RunInstancesCommandInput['InstanceType']>,
    MinCount: launch.min,
    MaxCount: launch.max,
    ...networkOf(launch),
    ...marketOf(launch),
    UserData: Buffer.from(launch.userData).toString('base64'),
    // a container is one hop further away than the host: it never reaches the metadata service
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled', InstanceMetadataTags: 'disabled' },
    InstanceInitiatedShutdownBehavior: 'terminate',
    BlockDeviceMappings: [{ DeviceName: rootDevice, Ebs: rootVolume(settings) }],
    TagSpecifications: [{ ResourceType: 'instance', Tags: tags }, { ResourceType: 'volume', Tags: tags }],
    ...(settings.instanceProfile === null ? {} : { IamInstanceProfile: settings.instanceProfile.startsWith('arn:') ? { Arn: settings.instanceProfile } : { Name: settings.instanceProfile } }),
    ...(settings.keyName === null ? {} : { KeyName: settings.keyName }),
  }
}

function rootVolume(settings: LaunchSettings): object {
  return {
    VolumeType: 'gp3', VolumeSize: settings.rootVolumeGib, Throughput: settings.rootVolumeThroughput,
    Iops: Math.max(IOPS_FREE, settings.rootVolumeThroughput * IOPS_PER_MB), Encrypted: true, DeleteOnTermination: true,
  }
}

/** A public address can be chosen only on a network interface, and that wants its subnet. */
function networkOf({ place, settings }: CloudLaunch): Partial<RunInstancesCommandInput> {
  const groups = [...settings.securityGroups]
  const Placement = { AvailabilityZone: place.zone }
  if (place.subnet === null) return { Placement, ...(groups.length === 0 ? {} : { SecurityGroupIds: groups }) }
  const card: InstanceNetworkInterfaceSpecification = {
    DeviceIndex: 0, SubnetId: place.subnet, AssociatePublicIpAddress: settings.publicIp, DeleteOnTermination: true, ...(groups.length === 0 ? {} : { Groups: groups }),
  }
  return { Placement, NetworkInterfaces: [card] }
}

function marketOf({ market, spotMaxPrice }: CloudLaunch): Partial<RunInstancesCommandInput> {
  if (market === 'on-demand') return {}
  const price = spotMaxPrice === null ? {} : { MaxPrice: String(spotMaxPrice) }
  return { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate', ...price } } }
}

function tagsOf(launch: CloudLaunch, clusterId: string): Tag[] {
  const own = [[TAG_CLUSTER, clusterId], [TAG_POOL, launch.pool], [TAG_LAUNCH, launch.token], ['Name', launch.settings.instanceName]] as const
  return [...own.map(([Key, Value]) => ({ Key, Value })), ...launch.settings.tags.map(({ key, value }) => ({ Key: key, Value: value }))]
}
