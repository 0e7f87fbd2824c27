import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { LoopName } from '../../protocol/wire/subjects.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import type { Db } from '../store/db.ts'

/** What the deciding loops share. */
export interface LoopDeps {
  db: Db
  log: Log
  clock: Clock
  random: () => number
  signal: AbortSignal
  clusterId: string
  /** the master's own checkpoint storage, for experiments that name none */
  storage: Storage
  /** epoch of this master's leadership; null = another decides */
  leaderEpoch: () => number | null
  /** after a commit */
  wake: (loop: LoopName) => void
  /** after a commit that raised generations: "heartbeat now" */
  poke: (agents: readonly string[]) => void
}
