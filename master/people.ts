import type { FastifyInstance } from 'fastify'
import type { Bucket } from '../protocol/bucket/door.ts'
import type { Clock } from '../protocol/kit/clock.ts'
import type { Log } from '../protocol/kit/log.ts'
import type { CheckpointStorageConfig } from '../protocol/words/experiment-config.ts'
import type { Address, PoolConfig } from './config.ts'
import type { Feed } from './loops/feed.ts'
import type { Commands } from './store/commands.ts'
import type { Db } from './store/db.ts'

/** What the people's API is made of, and what it is given. `main` hands in the real one; it lives in master/api. */
export interface People {
  createApi(deps: PeopleDeps): Promise<FastifyInstance>
  /** users `admin` and `determined` at the very first start */
  ensureFirstUsers(db: Db, password: string | null): Promise<void>
}

export interface PeopleDeps {
  db: Db
  commands: Commands
  settings: {
    clusterName: string
    defaultComputePool: string
    defaultAuxPool: string
    pools: readonly PoolConfig[]
    listen: Address
    webDir: string | null
    checkpointStorage: CheckpointStorageConfig
  }
  clusterId: string
  bucket: Bucket
  feed: Feed
  log: Log
  clock: Clock
  random: () => number
  /** Postgres and NATS are reached */
  ready(): boolean
}
