import type { CloudFailure, Market } from '../../protocol/words/instances.ts'
import type { Place, TypeFacts } from '../scale/pool.ts'

/** EC2 of one region. Every call has a deadline of 30 s and no retries of its own unless it says so. Errors are CloudError. */
export interface Cloud {
  /** Cached for a day; a type EC2 does not know is absent from the answer. */
  types(names: readonly string[]): Promise<TypeFacts[]>
  /** Subnets with their zones in the given order; without any, one place a zone that has a default subnet. Cached for ten minutes. */
  places(subnets: readonly string[]): Promise<Place[]>
  /** RunInstances with ClientToken = `launch.token`: the same token gives the same instances. */
  launch(launch: CloudLaunch): Promise<CloudInstance[]>
  /** Every instance with this cluster's tag, all pages, also terminated ones as long as EC2 tells of them. */
  list(): Promise<CloudInstance[]>
  /** By id, one by one known to EC2 or absent; an id EC2 does not know is no error. */
  describe(ids: readonly string[]): Promise<CloudInstance[]>
  /** Ids that EC2 does not know count as ended. */
  terminate(ids: readonly string[]): Promise<void>
  /** Newest console output, at most 64 KiB of its end; '' where there is none. */
  console(id: string): Promise<string>
  /** Newest spot price, dollars an hour, by type and zone. */
  spotPrices(types: readonly string[]): Promise<{ type: string; zone: string; perHour: number }[]>
  close(): void
}

export interface CloudLaunch {
  /** 64 characters at most; also in the tag `drover:launch` */
  token: string
  pool: string
  type: string
  place: Place
  market: Market
  /** null = EC2's default, the on-demand price */
  spotMaxPrice: number | null
  /** the call succeeds only with at least so many */
  min: number
  max: number
  userData: string
  settings: LaunchSettings
}

/** The rest of `provider`: handed to EC2 as it stands. */
export interface LaunchSettings {
  /** `ami-...`, or `ssm:/name` of a parameter that holds one: read at the launch */
  imageId: string
  /** null = none */
  placementGroup: string | null
  /** an Elastic Fabric Adapter on every network card that the type has */
  efa: boolean
  /** ARN or name; null = none */
  instanceProfile: string | null
  securityGroups: readonly string[]
  publicIp: boolean
  keyName: string | null
  rootVolumeGib: number
  /** gp3, MB/s */
  rootVolumeThroughput: number
  instanceName: string
  tags: readonly { readonly key: string; readonly value: string }[]
}

export interface CloudInstance {
  id: string
  /** tag `drover:launch`; null = not ours to know */
  launch: string | null
  pool: string | null
  type: string
  zone: string
  market: Market
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped'
  /** `Server.SpotInstanceTermination: ...`; '' = none */
  stateReason: string
  launchedAt: Date
  privateIp: string | null
}

/** `kind` decides what follows; `code` and the message are EC2's own words. */
export class CloudError extends Error {
  override readonly name = 'CloudError'
  readonly kind: CloudFailure
  readonly code: string
  constructor(kind: CloudFailure, code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.code = code
  }
}
