import type { Json, Resources, StackConfig } from '../words.ts'
import { joined, ref, resource, tags } from './make.ts'

/** Where everything lies: of the new network or the one that was named. */
export interface Places {
  readonly vpc: Json
  /** machines: in order of zone */
  readonly subnets: readonly Json[]
  /** the database alone: no road to the internet */
  readonly databaseSubnets: readonly Json[]
  /** of every subnet of machines: the gateway to S3 is put there; empty where the network is not ours */
  readonly routeTables: readonly Json[]
}

export function placesOf({ network }: StackConfig): Places {
  if (network.kind === 'existing') return { vpc: network.vpc, subnets: network.subnets, databaseSubnets: network.databaseSubnets, routeTables: [] }
  const zones = range(network.zones)
  return { vpc: ref('Vpc'), subnets: zones.map((zone) => ref(`Subnet${zone}`)), databaseSubnets: zones.map((zone) => ref(`DatabaseSubnet${zone}`)), routeTables: [ref('RouteTable'), ref('DatabaseRouteTable')] }
}

/**
 * A VPC with one subnet for machines and one for the database in each zone. Machines have public addresses and nothing may
 * come in but what the security groups say: NAT would cost more than a small GPU. S3 is reached by a gateway, free of charge.
 */
export function networkResources(config: StackConfig): Resources {
  const { network } = config
  if (network.kind === 'existing') return {}
  const zones = range(network.zones)
  return {
    Vpc: resource('AWS::EC2::VPC', { CidrBlock: network.cidr, EnableDnsSupport: true, EnableDnsHostnames: true, Tags: tags(config, 'vpc') }),
    InternetGateway: resource('AWS::EC2::InternetGateway', { Tags: tags(config, 'gateway') }),
    GatewayAttachment: resource('AWS::EC2::VPCGatewayAttachment', { VpcId: ref('Vpc'), InternetGatewayId: ref('InternetGateway') }),
    RouteTable: resource('AWS::EC2::RouteTable', { VpcId: ref('Vpc'), Tags: tags(config, 'machines') }),
    DefaultRoute: resource('AWS::EC2::Route', { RouteTableId: ref('RouteTable'), DestinationCidrBlock: '0.0.0.0/0', GatewayId: ref('InternetGateway') }, { DependsOn: 'GatewayAttachment' }),
    DatabaseRouteTable: resource('AWS::EC2::RouteTable', { VpcId: ref('Vpc'), Tags: tags(config, 'database') }),
    S3Gateway: resource('AWS::EC2::VPCEndpoint', { VpcId: ref('Vpc'), VpcEndpointType: 'Gateway', ServiceName: joined(['com.amazonaws.', ref('AWS::Region'), '.s3']), RouteTableIds: [ref('RouteTable')] }),
    ...Object.assign({}, ...zones.map((zone) => subnetsOf(config, zone, network))),
  }
}

function subnetsOf(config: StackConfig, zone: number, network: { cidr: string; zones: number }): Resources {
  const at = { VpcId: ref('Vpc'), AvailabilityZone: { 'Fn::Select': [zone - 1, { 'Fn::GetAZs': '' }] } }
  return {
    [`Subnet${zone}`]: resource('AWS::EC2::Subnet', { ...at, CidrBlock: sixteenth(network.cidr, zone - 1), MapPublicIpOnLaunch: false, Tags: tags(config, `machines-${zone}`) }),
    [`SubnetRoutes${zone}`]: resource('AWS::EC2::SubnetRouteTableAssociation', { SubnetId: ref(`Subnet${zone}`), RouteTableId: ref('RouteTable') }),
    [`DatabaseSubnet${zone}`]: resource('AWS::EC2::Subnet', { ...at, CidrBlock: sixteenth(network.cidr, zone + 7), MapPublicIpOnLaunch: false, Tags: tags(config, `database-${zone}`) }),
    [`DatabaseSubnetRoutes${zone}`]: resource('AWS::EC2::SubnetRouteTableAssociation', { SubnetId: ref(`DatabaseSubnet${zone}`), RouteTableId: ref('DatabaseRouteTable') }),
  }
}

/** One of the sixteen equal parts of an IPv4 network: machines have the first of them, the database those from the ninth on. */
export function sixteenth(cidr: string, index: number): string {
  const [address = '', bits = '0'] = cidr.split('/')
  const part = Number(bits) + 4
  const size = 2 ** (32 - part)
  const first = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  const start = Math.floor(first / (size * 16)) * size * 16 + index * size
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${part}`
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
