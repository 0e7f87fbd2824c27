import { PORTS, type Json, type Resource, type Resources, type StackConfig } from '../words.ts'
import { placesOf } from './network.ts'
import { ref, resource, tags } from './make.ts'

/** A rule without an end to it is the console's default; nothing of the database ever calls out. */
const NOWHERE = [{ IpProtocol: '-1', CidrIp: '127.0.0.1/32', Description: 'nothing goes out' }]
const POSTGRES = 5432
const NFS = 2049
const LUSTRE = [988, 1023] as const

/** Who may speak to whom. Rules between groups are resources of their own: groups name each other. */
export function securityResources(config: StackConfig): Resources {
  const vpc = placesOf(config).vpc
  const group = (name: string, description: string, more: { readonly [key: string]: Json }): Resource => resource('AWS::EC2::SecurityGroup', { GroupDescription: description, VpcId: vpc, Tags: tags(config, name), ...more })
  return {
    MasterSecurityGroup: group('master', 'Drover master: people from the allowed addresses, agents from their group', {
      SecurityGroupIngress: config.allowCidrs.map((cidr) => tcp(PORTS.people, 'people: API and WebUI over TLS', cidr)),
      SecurityGroupEgress: [tcp(443, 'services of AWS', '0.0.0.0/0'), ...outsideServers(config)],
    }),
    AgentSecurityGroup: group('agents', 'Drover agents: nothing comes in but from one another', {
      SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: '0.0.0.0/0', Description: 'images, data sets, packages' }],
    }),
    AgentsAmongThemselves: ingress('AgentSecurityGroup', 'AgentSecurityGroup', { IpProtocol: '-1', Description: 'ranks of a gang' }),
    MasterFromAgents: ingress('MasterSecurityGroup', 'AgentSecurityGroup', { ...ports(PORTS.agents), Description: 'specs, model definitions, tunnels' }),
    ...(config.natsUrls.length > 0 ? {} : { NatsFromAgents: ingress('MasterSecurityGroup', 'AgentSecurityGroup', { ...ports(PORTS.nats), Description: 'NATS' }) }),
    // EFA asks for a rule out to the group itself, also where everything may go out
    ...(config.efa ? { AgentsOutToThemselves: resource('AWS::EC2::SecurityGroupEgress', { GroupId: ref('AgentSecurityGroup'), DestinationSecurityGroupId: ref('AgentSecurityGroup'), IpProtocol: '-1', Description: 'EFA' }) } : {}),
    ...databaseGroup(config, group),
    ...filesGroup(config, group),
  }
}

type Group = (name: string, description: string, more: { readonly [key: string]: Json }) => Resource

function databaseGroup(config: StackConfig, group: Group): Resources {
  if (config.database.kind === 'external') return {}
  return {
    DatabaseSecurityGroup: group('database', 'Drover database: the master alone', { SecurityGroupEgress: NOWHERE }),
    DatabaseFromMaster: ingress('DatabaseSecurityGroup', 'MasterSecurityGroup', { ...ports(POSTGRES), Description: 'Postgres' }),
    MasterToDatabase: resource('AWS::EC2::SecurityGroupEgress', { GroupId: ref('MasterSecurityGroup'), DestinationSecurityGroupId: ref('DatabaseSecurityGroup'), ...ports(POSTGRES), Description: 'Postgres' }),
  }
}

function filesGroup(config: StackConfig, group: Group): Resources {
  const { files } = config
  if (files.kind === 'none') return {}
  const opened = files.kind === 'efs' ? [[NFS, NFS]] as const : [[LUSTRE[0], LUSTRE[0]], [1018, LUSTRE[1]]] as const
  const among = files.kind === 'fsx' ? { FilesAmongThemselves: ingress('FilesSecurityGroup', 'FilesSecurityGroup', { ...ports(LUSTRE[0]), Description: 'Lustre servers' }) } : {}
  return {
    FilesSecurityGroup: group('files', 'Drover files: agents alone', { SecurityGroupEgress: files.kind === 'fsx' ? [{ IpProtocol: 'tcp', FromPort: LUSTRE[0], ToPort: LUSTRE[1], CidrIp: '0.0.0.0/0', Description: 'Lustre clients' }] : NOWHERE }),
    ...Object.fromEntries(opened.map(([from, to], index) => [`FilesFromAgents${index + 1}`, ingress('FilesSecurityGroup', 'AgentSecurityGroup', { IpProtocol: 'tcp', FromPort: from, ToPort: to, Description: files.kind })])),
    ...among,
  }
}

/** Postgres and NATS that are not the stack's. */
function outsideServers(config: StackConfig): Json[] {
  const nats = [...new Set(config.natsUrls.map((url) => Number(/:(\d{1,5})$/.exec(url)?.[1] ?? PORTS.nats)))]
  return [
    ...(config.database.kind === 'external' ? [tcp(config.database.port, 'Postgres', '0.0.0.0/0')] : []),
    ...nats.map((port) => tcp(port, 'NATS', '0.0.0.0/0')),
  ]
}

function ports(port: number): { IpProtocol: string; FromPort: number; ToPort: number } {
  return { IpProtocol: 'tcp', FromPort: port, ToPort: port }
}

function tcp(port: number, description: string, cidr: string): { readonly [key: string]: Json } {
  return { ...ports(port), Description: description, ...(cidr.includes(':') ? { CidrIpv6: cidr } : { CidrIp: cidr }) }
}

function ingress(to: string, from: string, rule: { readonly [key: string]: Json }): Resource {
  return resource('AWS::EC2::SecurityGroupIngress', { GroupId: ref(to), SourceSecurityGroupId: ref(from), ...rule })
}
