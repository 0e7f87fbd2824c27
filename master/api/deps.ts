import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { CheckpointStorageConfig } from '../../protocol/words/experiment-config.ts'
import type { GraphqlDoor } from '../graphql/door.ts'
import type { LaunchSettings } from '../cloud/door.ts'
import type { RecentLog } from '../recent-log.ts'
import type { PoolPolicy } from '../scale/pool.ts'
import type { Commands } from '../store/commands.ts'
import type { Db } from '../store/db.ts'

export interface PoolSettings {
  readonly name: string
  readonly description: string
  /** how its instances are made; null: agents join by themselves */
  readonly provider: Provider | null
}

export interface Provider {
  readonly policy: Readonly<Omit<PoolPolicy, 'places'>>
  readonly subnets: readonly string[]
  readonly settings: LaunchSettings
}

export interface ApiSettings {
  clusterName: string
  defaultComputePool: string
  defaultAuxPool: string
  pools: readonly PoolSettings[]
  /** host and port it will listen on, shown by master/config */
  listen: string | { readonly host: string; readonly port: number }
  /** built WebUI; null: no WebUI */
  webDir: string | null
  /** where checkpoints go unless the experiment names its own place */
  checkpointStorage: CheckpointStorageConfig
}

/** Called after each commit that a follower may be waiting for; returns the way to stop. Carries no content. */
export interface Feed {
  onChange(listener: () => void): () => void
}

export interface ApiDeps {
  db: Db
  commands: Commands
  settings: ApiSettings
  clusterId: string
  bucket: Bucket
  graphql: GraphqlDoor
  feed: Feed
  log: Log
  /** this master's own newest records */
  recentLog: RecentLog
  clock: Clock
  random: () => number
  /** Postgres and NATS are reached */
  ready(): boolean
}
