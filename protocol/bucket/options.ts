import type { Clock } from '../kit/clock.ts'
import type { Log } from '../kit/log.ts'

export interface BucketOptions {
  log: Log
  clock: Clock
  random: () => number
}
