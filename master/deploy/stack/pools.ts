import type { Json, StackConfig } from '../words.ts'
import { attribute, joined, ref } from './make.ts'
import { placesOf } from './network.ts'

const MARK = '\u0001'

/**
 * master.yaml's `resource_pools`, as JSON, which is YAML too. What the stack knows is filled in where a pool does not say it itself:
 * subnets, the agents' security group, profile and image. References stand between pieces of text, so no word of a pool is ever
 * read as one of CloudFormation's.
 */
export function poolsText(config: StackConfig): Json[] {
  const places: Json[] = []
  const mark = (value: Json): Json => (typeof value === 'string' ? value : `${MARK}${places.push(value) - 1}${MARK}`)
  const given = {
    type: 'aws',
    region: config.region,
    image_id: 'ami' in config.agentImage ? config.agentImage.ami : `ssm:${config.agentImage.parameter}`,
    subnets: placesOf(config).subnets.map(mark),
    security_groups: [mark(ref('AgentSecurityGroup'))],
    iam_instance_profile_arn: mark(attribute('AgentProfile', 'Arn')),
    network_interface: { public_ip: config.network.kind === 'new' || config.network.publicIp },
    ...(config.efa ? { placement_group: mark(ref('PlacementGroup')) } : {}),
    ...filesOf(config, mark),
  }
  const pools = config.pools.map((pool) => ({ ...pool, provider: { ...given, ...mappingOf(pool['provider']) } }))
  const text = JSON.stringify({ resource_pools: pools, cluster_name: config.name }).replaceAll('\\u0001', MARK)
  return text.split(MARK).map((piece, index) => (index % 2 === 0 ? piece : (places[Number(piece)] ?? '')))
}

/** Shared files are mounted by every machine's start-up script. */
function filesOf(config: StackConfig, mark: (value: Json) => Json): { readonly [key: string]: Json } {
  if (config.files.kind === 'none') return {}
  const source = config.files.kind === 'efs'
    ? joined([ref('FileSystem'), '.efs.', ref('AWS::Region'), '.amazonaws.com:/'])
    : joined([ref('FileSystem'), '.fsx.', ref('AWS::Region'), '.amazonaws.com@tcp:/', attribute('FileSystem', 'LustreMountName')])
  return { shared_files: { type: config.files.kind, source: mark(source), path: '/mnt/shared' } }
}

function mappingOf(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { readonly [key: string]: Json }) : {}
}
