import { cureOf } from '../../cloud/cures.ts'
import type { CloudFailure } from '../../../protocol/words/instances.ts'

export interface PoolStanding {
  name: string
  paused: string | null
  /** the dry marks that hold */
  refused: readonly { kind: CloudFailure; code: string }[]
  /** instances that may cost money, and the most there may be; null: no instances are made for it */
  count: number
  max: number | null
  /** of those, on their way: asked for, or not yet registered */
  starting: number
  /** agents that joined it */
  agents: number
  waiting: number
}

/** What needs a person comes before what passes by itself. */
const BY_NEED: readonly CloudFailure[] = ['permission', 'parameters', 'quota', 'unsupported', 'price', 'capacity', 'throttled', 'unavailable', 'not-found']

/** What a person can do so that the pool's work goes on; '' = nothing waits that a person could help. */
export function poolCure(pool: PoolStanding): string {
  if (pool.paused !== null) return `mend what made its boots fail (drover instance list --pool ${pool.name} --all shows them), then: drover pool resume ${pool.name}`
  if (pool.waiting === 0) return ''
  if (pool.max === null) return pool.agents === 0 ? `start drover-agent with DROVER_POOL=${pool.name} on a machine with enough slots, or give the pool a provider in master.yaml` : ''
  if (pool.starting > 0) return ''
  const [worst] = [...pool.refused].sort((a, b) => BY_NEED.indexOf(a.kind) - BY_NEED.indexOf(b.kind))
  if (worst) return cureOf(worst.kind, worst.code)
  return pool.count >= pool.max ? `wait until something ends, or raise max_instances (${pool.max}) in the provider of pool ${pool.name} in master.yaml` : ''
}

/** An alarm whose text says what to do itself needs no more words. */
export function alarmCure(key: string): string {
  if (key === 'brake') return 'look at NATS and the network between master and agents: agents that come back need nothing. If they are really gone: drover brake release'
  const pool = /^pool-paused:(.+)$/.exec(key)?.[1]
  return pool === undefined ? '' : `mend what made its boots fail, then: drover pool resume ${pool}`
}
