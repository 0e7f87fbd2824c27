import type { CloudFailure } from '../../../protocol/words/instances.ts'

/** What a person can do about a refusal of EC2, for the pool that was refused. */
export function refusalCure(kind: CloudFailure, pool: string): string {
  const provider = `the provider of pool ${pool} in master.yaml`
  switch (kind) {
    case 'capacity':
      return `nothing: it is tried again by itself; more instance types or subnets in ${provider} find capacity sooner`
    case 'quota':
      return `ask AWS for a higher quota (Service Quotas, Amazon EC2, running instances of this family), or name a type of another family in ${provider}`
    case 'price':
      return `nothing, if the market falls: it is tried again by itself; else raise spot_max_price in ${provider}`
    case 'throttled':
    case 'unavailable':
      return 'nothing: the same call is made again with the same token'
    case 'permission':
      return "give the master's role what the message names: it needs ec2:RunInstances, ec2:CreateTags and iam:PassRole"
    case 'parameters':
    case 'not-found':
      return `mend image, subnets, security groups or instance profile in ${provider} as the message says, then start the master again`
    case 'unsupported':
      return `name another instance type or zone in ${provider}, then start the master again`
  }
}

export interface PoolStanding {
  name: string
  paused: string | null
  /** kinds of the dry marks that hold */
  refused: readonly CloudFailure[]
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
const BY_NEED: readonly CloudFailure[] = ['permission', 'parameters', 'not-found', 'quota', 'unsupported', 'price', 'capacity']

/** What a person can do so that the pool's work goes on; '' = nothing waits that a person could help. */
export function poolCure(pool: PoolStanding): string {
  if (pool.paused !== null) return `mend what made its boots fail (drover instance list --pool ${pool.name} --all shows them), then: drover pool resume ${pool.name}`
  if (pool.waiting === 0) return ''
  if (pool.max === null) return pool.agents === 0 ? `start drover-agent with DROVER_POOL=${pool.name} on a machine with enough slots, or give the pool a provider in master.yaml` : ''
  if (pool.starting > 0) return ''
  const worst = BY_NEED.find((kind) => pool.refused.includes(kind))
  if (worst) return refusalCure(worst, pool.name)
  return pool.count >= pool.max ? `wait until something ends, or raise max_instances (${pool.max}) in the provider of pool ${pool.name} in master.yaml` : ''
}

/** An alarm whose text says what to do itself needs no more words. */
export function alarmCure(key: string): string {
  if (key === 'brake') return 'look at NATS and the network between master and agents: agents that come back need nothing. If they are really gone: drover brake release'
  const pool = /^pool-paused:(.+)$/.exec(key)?.[1]
  return pool === undefined ? '' : `mend what made its boots fail, then: drover pool resume ${pool}`
}
