import type { InstanceNetworkInterfaceSpecification, RunInstancesCommandInput, Tag } from '@aws-sdk/client-ec2'
import type { CloudLaunch, LaunchSettings } from './door.ts'

export const TAG_CLUSTER = 'drover:cluster'
export const TAG_POOL = 'drover:pool'
export const TAG_LAUNCH = 'drover:launch'

/** gp3 gives 3000 IOPS for nothing and wants one for each quarter MB/s */
const IOPS_FREE = 3_000
const IOPS_PER_MB = 4

/** What is found out for one launch. */
export interface LaunchFound {
  imageId: string
  /** of the image, e.g. `/dev/xvda` */
  rootDevice: string
  /** network cards that take an EFA; 0 = a plain card */
  efaCards: number
}

/** The whole of RunInstances. */
export function runInput(launch: CloudLaunch, clusterId: string, found: LaunchFound): RunInstancesCommandInput {
  const { settings } = launch
  const tags = tagsOf(launch, clusterId)
  return {
    ClientToken: launch.token,
    ImageId: found.imageId,
    InstanceType: launch.type as NonNullable<RunInstancesCommandInput['InstanceType']>,
    MinCount: launch.min,
    MaxCount: launch.max,
    ...networkOf(launch, found.efaCards),
    ...marketOf(launch),
    UserData: Buffer.from(launch.userData).toString('base64'),
    // a container is one hop further away than the host: it never reaches the metadata service
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled', InstanceMetadataTags: 'disabled' },
    InstanceInitiatedShutdownBehavior: 'terminate',
    BlockDeviceMappings: [{ DeviceName: found.rootDevice, Ebs: rootVolume(settings) }],
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

/** A public address can be chosen only on a network interface, and that wants its subnet; EC2 gives none to a machine of several cards. */
function networkOf({ place, settings }: CloudLaunch, efaCards: number): Partial<RunInstancesCommandInput> {
  const groups = [...settings.securityGroups]
  const Placement = { AvailabilityZone: place.zone, ...(settings.placementGroup === null ? {} : { GroupName: settings.placementGroup }) }
  if (place.subnet === null && efaCards === 0) return { Placement, ...(groups.length === 0 ? {} : { SecurityGroupIds: groups }) }
  const common: InstanceNetworkInterfaceSpecification = { DeleteOnTermination: true, ...(place.subnet === null ? {} : { SubnetId: place.subnet }), ...(groups.length === 0 ? {} : { Groups: groups }) }
  const address = place.subnet !== null && efaCards <= 1 ? { AssociatePublicIpAddress: settings.publicIp } : {}
  if (efaCards === 0) return { Placement, NetworkInterfaces: [{ DeviceIndex: 0, ...address, ...common }] }
  const cards = Array.from({ length: efaCards }, (_, card): InstanceNetworkInterfaceSpecification => ({ NetworkCardIndex: card, DeviceIndex: card === 0 ? 0 : 1, InterfaceType: 'efa', ...(card === 0 ? address : {}), ...common }))
  return { Placement, NetworkInterfaces: cards }
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
