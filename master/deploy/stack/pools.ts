import type { Json, StackConfig } from '../words.ts'
import { attribute, joined, ref } from './make.ts'
import { placesOf } from './network.ts'

/** Stands in the document where CloudFormation fills in a value of its own. */
class Hole {
  readonly value: Json
  constructor(value: Json) {
    this.value = value
  }
}
type Document = string | number | boolean | null | Hole | readonly Document[] | { readonly [key: string]: Document }

/**
 * master.yaml's `resource_pools`, as JSON, which is YAML too. What the stack knows is filled in where a pool does not say it itself:
 * subnets, the agents' security group, profile and image. References stand between pieces of text, so no word of a pool is ever
 * read as one of CloudFormation's.
 */
export function poolsText(config: StackConfig): Json[] {
  const given: { readonly [key: string]: Document } = {
    type: 'aws',
    region: config.region,
    image_id: 'ami' in config.agentImage ? config.agentImage.ami : `ssm:${config.agentImage.parameter}`,
    subnets: placesOf(config).subnets.map((subnet) => new Hole(subnet)),
    security_groups: [new Hole(ref('AgentSecurityGroup'))],
    iam_instance_profile_arn: new Hole(attribute('AgentProfile', 'Arn')),
    network_interface: { public_ip: config.network.kind === 'new' || config.network.publicIp },
    ...(config.efa ? { placement_group: new Hole(ref('PlacementGroup')) } : {}),
    ...filesOf(config),
  }
  const pools = config.pools.map((pool) => ({ ...pool, provider: { ...given, ...mappingOf(pool['provider']) } }))
  return merged(pieces({ resource_pools: pools, cluster_name: config.name }))
}

function pieces(value: Document): Json[] {
  if (value instanceof Hole) return ['"', value.value, '"']
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)]
  if (Array.isArray(value)) return ['[', ...separated(value.map((one: Document) => pieces(one))), ']']
  return ['{', ...separated(Object.entries(value).map(([key, one]) => [`${JSON.stringify(key)}:`, ...pieces(one)])), '}']
}

function separated(rows: readonly Json[][]): Json[] {
  return rows.flatMap((row, index) => (index === 0 ? row : [',', ...row]))
}

/** Neighbouring texts as one. */
function merged(parts: readonly Json[]): Json[] {
  const out: Json[] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (typeof part === 'string' && typeof last === 'string') out[out.length - 1] = last + part
    else out.push(part)
  }
  return out
}

/** Shared files are mounted by every machine's start-up script. */
function filesOf(config: StackConfig): { readonly [key: string]: Document } {
  if (config.files.kind === 'none') return {}
  const source = config.files.kind === 'efs'
    ? joined([ref('FileSystem'), '.efs.', ref('AWS::Region'), '.amazonaws.com:/'])
    : joined([ref('FileSystem'), '.fsx.', ref('AWS::Region'), '.amazonaws.com@tcp:/', attribute('FileSystem', 'LustreMountName')])
  return { shared_files: { type: config.files.kind, source: new Hole(source), path: '/mnt/shared' } }
}

function mappingOf(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { readonly [key: string]: Json }) : {}
}
