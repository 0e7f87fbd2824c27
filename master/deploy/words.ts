/** JSON, as CloudFormation takes it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export interface Resource {
  readonly Type: string
  readonly Properties?: { readonly [key: string]: Json }
  readonly DependsOn?: string | readonly string[]
  /** what becomes of it when the stack goes */
  readonly DeletionPolicy?: 'Retain' | 'Snapshot' | 'Delete'
  readonly UpdateReplacePolicy?: 'Retain' | 'Snapshot' | 'Delete'
  readonly CreationPolicy?: { readonly [key: string]: Json }
  readonly UpdatePolicy?: { readonly [key: string]: Json }
}
export type Resources = Readonly<Record<string, Resource>>

export interface Output {
  readonly Description: string
  readonly Value: Json
}

/** A CloudFormation template: all that is known before AWS is asked. */
export interface Template {
  readonly AWSTemplateFormatVersion: '2010-09-09'
  readonly Description: string
  readonly Resources: Resources
  readonly Outputs: Readonly<Record<string, Output>>
}

/** A machine image: an id, or the name of an SSM parameter that holds one (read by CloudFormation, or by the master, at each launch). */
export type ImageRef = { readonly ami: string } | { readonly parameter: string }

export type Network =
  /** a VPC of the stack's own, over so many zones */
  | { readonly kind: 'new'; readonly cidr: string; readonly zones: number }
  /** `subnets` reach the internet (a gateway, or NAT where `publicIp` is false); `databaseSubnets` lie in two zones at least */
  | { readonly kind: 'existing'; readonly vpc: string; readonly subnets: readonly string[]; readonly databaseSubnets: readonly string[]; readonly publicIp: boolean }

export type Database =
  | { readonly kind: 'postgres'; readonly instanceClass: string; readonly storageGib: number; readonly backupDays: number; readonly multiZone: boolean; readonly version: string; readonly finalSnapshot: boolean }
  /** Aurora serverless v2 */
  | { readonly kind: 'aurora'; readonly minCapacity: number; readonly maxCapacity: number; readonly backupDays: number; readonly version: string; readonly finalSnapshot: boolean }
  /** `secret`: ARN of a secret whose JSON has `url`, a postgres:// address */
  | { readonly kind: 'external'; readonly secret: string; readonly port: number }

export type Files =
  | { readonly kind: 'none' }
  | { readonly kind: 'efs' }
  /** FSx for Lustre, scratch 2; GiB in steps of 1200 */
  | { readonly kind: 'fsx'; readonly storageGib: number }

/** Everything the stack is made of. */
export interface StackConfig {
  /** stack name, and the value of the tag `drover:installation` on all that belongs to it */
  readonly name: string
  readonly region: string
  /** who may reach the API and the WebUI */
  readonly allowCidrs: readonly string[]
  readonly network: Network
  readonly master: {
    readonly image: ImageRef
    readonly instanceType: string
    readonly rootVolumeGib: number
    /** ARN of a secret with `certificate` and `key`, PEM; null: the installation's own CA */
    readonly certificateSecret: string | null
  }
  readonly agentImage: ImageRef
  readonly database: Database
  readonly bucket: {
    /** an existing bucket; null: the stack makes one */
    readonly name: string | null
    /** '' = the bucket's top */
    readonly prefix: string
  }
  /** buckets that experiments may read as data */
  readonly dataBuckets: readonly string[]
  readonly files: Files
  /** an external NATS cluster; empty: nats-server on the master's machine */
  readonly natsUrls: readonly string[]
  /** `resource_pools` of master.yaml; what the stack knows (subnets, security group, profile, image) is filled in */
  readonly pools: readonly { readonly [key: string]: Json }[]
  /** pools for EFA: placement group, and traffic among agents in both directions */
  readonly efa: boolean
  readonly logDays: number
  readonly tags: readonly { readonly key: string; readonly value: string }[]
}

/** Tag on everything of an installation, instances that the master launches included. */
export const TAG_INSTALLATION = 'drover:installation'

/** TCP ports of the master's machine. */
export const PORTS = { people: 8080, agents: 8443, nats: 4222 } as const
