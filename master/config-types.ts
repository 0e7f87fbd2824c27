import type { LogLevel } from '../protocol/kit/log.ts'
import type { Storage } from '../protocol/wire/spec.ts'
import type { LaunchSettings } from './cloud/door.ts'
import type { PoolPolicy } from './scale/pool.ts'

/** Everything the master may be told, complete and frozen. Ports of 0 let the system choose (tests). */
export interface MasterConfig {
  readonly listen: Address
  readonly agentListen: Address
  /** https:// address of `agentListen` as agents reach it, without a trailing slash */
  readonly agentUrl: string
  readonly stateDir: string
  readonly db: { readonly url: string }
  /** as agents reach it too */
  readonly nats: { readonly urls: readonly string[] }
  readonly security: { readonly initialUserPassword: string | null }
  /** where checkpoints go unless the experiment names its own place */
  readonly checkpointStorage: Storage
  readonly resourcePools: readonly PoolConfig[]
  readonly herd: HerdConfig
  readonly defaultComputePool: string
  readonly defaultAuxPool: string
  readonly clusterName: string
  /** built WebUI to serve; null: none */
  readonly webDir: string | null
  /** unique to this process: leader row, logs */
  readonly holder: string
  readonly logLevel: LogLevel
  /** what is accepted but deserves a look, each a sentence with its key; logged at start */
  readonly warnings: readonly string[]
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface PoolConfig {
  readonly name: string
  readonly description: string
  /** null: only agents that join by themselves */
  readonly provider: ProviderConfig | null
}

/** `resource_pools[].provider`: how the pool's instances are made. */
export interface ProviderConfig {
  /** all but what only EC2 can tell: the zones of its places */
  readonly policy: Readonly<Omit<PoolPolicy, 'places'>>
  /** in order of preference; empty = the default subnet of each zone */
  readonly subnets: readonly string[]
  /** the only zones to launch in; empty = every one that the subnets lie in */
  readonly zones: readonly string[]
  readonly settings: LaunchSettings
  /** run by the machine at boot before its agent; '' = none */
  readonly startupScript: string
  /** https:// address of the agent listener as instances reach it */
  readonly masterUrl: string
}

/** Timing of the herd, milliseconds; tests make them short. */
export interface HerdConfig {
  /** an agent silent for so long is LOST */
  readonly lostMs: number
  /** between two lists of EC2 */
  readonly listMs: number
  /** between two calls of RunInstances for one pool */
  readonly callMs: number
  /** how long a refused (type, zone, market) is left alone */
  readonly dryMs: number
  /** dollars an hour by region and type: `{"us-east-1": {"g5.xlarge": 1.006}}` */
  readonly prices: Readonly<Record<string, Readonly<Record<string, number>>>>
}
